//! The disk as the kernel asks for it (FUSE).

use std::ffi::OsStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};

use super::contents::Contents;

/// How long the kernel may remember what it was told: all changes come through it.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// The type within a mode, and that of a socket.
const MODE_TYPE: u32 = 0o170_000;
const MODE_SOCKET: u32 = 0o140_000;

/// What is wrong with the disk.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// What a sync fails with.
    pub(crate) sync: Option<Errno>,
    /// What a write fails with.
    pub(crate) write: Option<Errno>,
    /// The most bytes of all files together; what would need more fails as over quota.
    pub(crate) quota: Option<usize>,
}

/// The disk and its faults.
#[derive(Debug)]
pub(super) struct State {
    pub(super) contents: Contents,
    pub(super) faults: Faults,
    /// The power is off: nothing is done any more.
    pub(super) off: bool,
}

/// What answers the kernel.
#[derive(Debug, Clone)]
pub(super) struct Answering(pub(super) Arc<Mutex<State>>);

impl State {
    fn write(&mut self, number: u64, offset: u64, data: &[u8]) -> Result<(), Errno> {
        self.may_write()?;
        let offset = usize::try_from(offset).map_err(|_| Errno::EFBIG)?;
        let length = self.node(number)?.bytes.len();
        let growth = (offset + data.len()).saturating_sub(length);
        let total = self.contents.length() + growth;
        if growth > 0 && self.faults.quota.is_some_and(|quota| total > quota) {
            return Err(Errno::EDQUOT);
        }
        self.node(number)?.write(offset, data);
        Ok(())
    }

    fn may_write(&self) -> Result<(), Errno> {
        self.faults.write.map_or(Ok(()), Err)
    }

    fn sync(&mut self, number: u64) -> Result<(), Errno> {
        if let Some(error) = self.faults.sync {
            return Err(error);
        }
        self.node(number)?.sync();
        Ok(())
    }

    fn node(&mut self, number: u64) -> Result<&mut super::contents::Node, Errno> {
        self.contents.node(number).ok_or(Errno::ENOENT)
    }

    fn number(&self, parent: INodeNo, name: &OsStr) -> Result<u64, Errno> {
        self.contents.number(parent.0, name).ok_or(Errno::ENOENT)
    }

    fn make(
        &mut self,
        parent: INodeNo,
        name: &OsStr,
        kind: FileType,
        mode: u32,
    ) -> Result<FileAttr, Errno> {
        self.may_write()?;
        let made = self.contents.make(parent.0, name, kind, mode & 0o7777);
        self.attributes(made.ok_or(Errno::ENOENT)?)
    }

    fn attributes(&mut self, number: u64) -> Result<FileAttr, Errno> {
        let node = self.node(number)?;
        let size = u64::try_from(node.bytes.len()).map_err(|_| Errno::EFBIG)?;
        let then = SystemTime::UNIX_EPOCH;
        Ok(FileAttr {
            ino: INodeNo(number),
            size,
            blocks: size.div_ceil(512),
            atime: then,
            mtime: then,
            ctime: then,
            crtime: then,
            kind: node.kind,
            perm: u16::try_from(node.mode).map_err(|_| Errno::EINVAL)?,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        })
    }

    fn rename(&mut self, from: (INodeNo, &OsStr), to: (INodeNo, &OsStr)) -> Result<(), Errno> {
        self.may_write()?;
        let number = self.number(from.0, from.1)?;
        if from.0 == to.0 {
            self.node(from.0.0)?.rename(from.1, to.1);
            return Ok(());
        }
        self.node(to.0.0)?.name(to.1, number);
        self.node(from.0.0)?.unname(from.1);
        Ok(())
    }
}

impl Answering {
    /// Runs one request, unless the power is off.
    fn run<T>(&self, work: impl FnOnce(&mut State) -> Result<T, Errno>) -> Result<T, Errno> {
        let mut state = self.lock();
        if state.off {
            return Err(Errno::EIO);
        }
        work(&mut state)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(&self, reply: ReplyEntry, work: impl FnOnce(&mut State) -> Result<FileAttr, Errno>) {
        match self.run(work) {
            Ok(attributes) => reply.entry(&REMEMBERED, &attributes, Generation(0)),
            Err(error) => reply.error(error),
        }
    }

    fn done(&self, reply: ReplyEmpty, work: impl FnOnce(&mut State) -> Result<(), Errno>) {
        match self.run(work) {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(error),
        }
    }
}

impl Filesystem for Answering {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        self.entry(reply, |state| {
            let number = state.number(parent, name)?;
            state.attributes(number)
        });
    }

    fn getattr(&self, _: &Request, number: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.run(|state| state.attributes(number.0)) {
            Ok(attributes) => reply.attr(&REMEMBERED, &attributes),
            Err(error) => reply.error(error),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        number: INodeNo,
        mode: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let changed = self.run(|state| {
            state.may_write()?;
            let node = state.node(number.0)?;
            if let Some(mode) = mode {
                node.mode = mode & 0o7777;
            }
            if let Some(size) = size {
                node.set_length(usize::try_from(size).map_err(|_| Errno::EFBIG)?);
            }
            state.attributes(number.0)
        });
        match changed {
            Ok(attributes) => reply.attr(&REMEMBERED, &attributes),
            Err(error) => reply.error(error),
        }
    }

    fn mknod(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        _: u32,
        reply: ReplyEntry,
    ) {
        let kind = if mode & MODE_TYPE == MODE_SOCKET {
            FileType::Socket
        } else {
            FileType::RegularFile
        };
        self.entry(reply, |state| state.make(parent, name, kind, mode & !umask));
    }

    fn mkdir(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        reply: ReplyEntry,
    ) {
        self.entry(reply, |state| {
            state.make(parent, name, FileType::Directory, mode & !umask)
        });
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.done(reply, |state| {
            state.may_write()?;
            state.number(parent, name)?;
            // The node itself stays: it may be open, or have another name.
            state.node(parent.0)?.unname(name);
            Ok(())
        });
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        _: RenameFlags,
        reply: ReplyEmpty,
    ) {
        self.done(reply, |state| {
            state.rename((parent, name), (new_parent, new_name))
        });
    }

    fn link(&self, _: &Request, number: INodeNo, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        self.entry(reply, |state| {
            state.may_write()?;
            state.node(parent.0)?.name(name, number.0);
            state.attributes(number.0)
        });
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        match self.run(|state| state.make(parent, name, FileType::RegularFile, mode & !umask)) {
            Ok(attributes) => {
                let (none, flags) = (FileHandle(0), FopenFlags::empty());
                reply.created(&REMEMBERED, &attributes, Generation(0), none, flags);
            }
            Err(error) => reply.error(error),
        }
    }

    fn open(&self, _: &Request, number: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.run(|state| state.node(number.0).map(|_| ())) {
            Ok(()) => reply.opened(FileHandle(0), FopenFlags::empty()),
            Err(error) => reply.error(error),
        }
    }

    fn read(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let read = self.run(|state| {
            let bytes = &state.node(number.0)?.bytes;
            let from = usize::try_from(offset)
                .unwrap_or(usize::MAX)
                .min(bytes.len());
            let to = from
                .saturating_add(size.try_into().expect("64 bits"))
                .min(bytes.len());
            Ok(bytes[from..to].to_vec())
        });
        match read {
            Ok(data) => reply.data(&data),
            Err(error) => reply.error(error),
        }
    }

    fn write(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.run(|state| state.write(number.0, offset, data)) {
            Ok(()) => reply.written(data.len().try_into().expect("as the kernel sent it")),
            Err(error) => reply.error(error),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, number: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.done(reply, |state| state.sync(number.0));
    }

    fn fsyncdir(&self, _: &Request, number: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.done(reply, |state| state.sync(number.0));
    }

    fn readdir(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let listed = self.run(|state| {
            let names = state.node(number.0)?.names.clone();
            let listed = names.into_iter().map(|(name, number)| {
                let kind = state.node(number)?.kind;
                Ok((number, kind, name))
            });
            listed.collect::<Result<Vec<_>, Errno>>()
        });
        match listed {
            Ok(listed) => {
                for (next, (number, kind, name)) in
                    (1..).zip(listed).skip(offset.try_into().expect("64 bits"))
                {
                    if reply.add(INodeNo(number), next, kind, name) {
                        break;
                    }
                }
                reply.ok();
            }
            Err(error) => reply.error(error),
        }
    }

    fn rmdir(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.unlink(request, parent, name, reply);
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        // Whoever asks is told that there is much room: a quota does not show here.
        let blocks = 1 << 20;
        reply.statfs(blocks, blocks, blocks, 0, 0, 4096, 255, 4096);
    }
}
