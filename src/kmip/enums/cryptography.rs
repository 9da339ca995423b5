//! Enumerations that name algorithms and their parameters.
//!
//! Tables only: a name here does not mean that anything in this program implements it.

use super::enumeration;

enumeration! {
    BlockCipherMode, "Block Cipher Mode", V1_0;
    Cbc = 0x0001, "CBC", V1_0;
    Ecb = 0x0002, "ECB", V1_0;
    Pcbc = 0x0003, "PCBC", V1_0;
    Cfb = 0x0004, "CFB", V1_0;
    Ofb = 0x0005, "OFB", V1_0;
    Ctr = 0x0006, "CTR", V1_0;
    Cmac = 0x0007, "CMAC", V1_0;
    Ccm = 0x0008, "CCM", V1_0;
    Gcm = 0x0009, "GCM", V1_0;
    CbcMac = 0x000a, "CBC-MAC", V1_0;
    Xts = 0x000b, "XTS", V1_0;
    AESKeyWrapPadding = 0x000c, "AESKeyWrapPadding", V1_0;
    NISTKeyWrap = 0x000d, "NISTKeyWrap", V1_0;
    X9_102Aeskw = 0x000e, "X9.102 AESKW", V1_0;
    X9_102Tdkw = 0x000f, "X9.102 TDKW", V1_0;
    X9_102Akw1 = 0x0010, "X9.102 AKW1", V1_0;
    X9_102Akw2 = 0x0011, "X9.102 AKW2", V1_0;
    Aead = 0x0012, "AEAD", V1_4;
}

enumeration! {
    CryptographicAlgorithm, "Cryptographic Algorithm", V1_0;
    Des = 0x0001, "DES", V1_0;
    Des3 = 0x0002, "3DES", V1_0;
    Aes = 0x0003, "AES", V1_0;
    Rsa = 0x0004, "RSA", V1_0;
    Dsa = 0x0005, "DSA", V1_0;
    Ecdsa = 0x0006, "ECDSA", V1_0;
    HmacSha1 = 0x0007, "HMAC-SHA1", V1_0;
    HmacSha224 = 0x0008, "HMAC-SHA224", V1_0;
    HmacSha256 = 0x0009, "HMAC-SHA256", V1_0;
    HmacSha384 = 0x000a, "HMAC-SHA384", V1_0;
    HmacSha512 = 0x000b, "HMAC-SHA512", V1_0;
    HmacMd5 = 0x000c, "HMAC-MD5", V1_0;
    Dh = 0x000d, "DH", V1_0;
    Ecdh = 0x000e, "ECDH", V1_0;
    Ecmqv = 0x000f, "ECMQV", V1_0;
    Blowfish = 0x0010, "Blowfish", V1_0;
    Camellia = 0x0011, "Camellia", V1_0;
    Cast5 = 0x0012, "CAST5", V1_0;
    Idea = 0x0013, "IDEA", V1_0;
    Mars = 0x0014, "MARS", V1_0;
    Rc2 = 0x0015, "RC2", V1_0;
    Rc4 = 0x0016, "RC4", V1_0;
    Rc5 = 0x0017, "RC5", V1_0;
    Skipjack = 0x0018, "SKIPJACK", V1_0;
    Twofish = 0x0019, "Twofish", V1_0;
    Ec = 0x001a, "EC", V1_2;
    OneTimePad = 0x001b, "One Time Pad", V1_3;
    ChaCha20 = 0x001c, "ChaCha20", V1_4;
    Poly1305 = 0x001d, "Poly1305", V1_4;
    ChaCha20Poly1305 = 0x001e, "ChaCha20Poly1305", V1_4;
    Sha3_224 = 0x001f, "SHA3-224", V1_4;
    Sha3_256 = 0x0020, "SHA3-256", V1_4;
    Sha3_384 = 0x0021, "SHA3-384", V1_4;
    Sha3_512 = 0x0022, "SHA3-512", V1_4;
    HmacSha3_224 = 0x0023, "HMAC-SHA3-224", V1_4;
    HmacSha3_256 = 0x0024, "HMAC-SHA3-256", V1_4;
    HmacSha3_384 = 0x0025, "HMAC-SHA3-384", V1_4;
    HmacSha3_512 = 0x0026, "HMAC-SHA3-512", V1_4;
    Shake128 = 0x0027, "SHAKE-128", V1_4;
    Shake256 = 0x0028, "SHAKE-256", V1_4;
    Aria = 0x0029, "ARIA", V2_0;
    Seed = 0x002a, "SEED", V2_0;
    Sm2 = 0x002b, "SM2", V2_0;
    Sm3 = 0x002c, "SM3", V2_0;
    Sm4 = 0x002d, "SM4", V2_0;
    GostR34_10_2012 = 0x002e, "GOST R 34.10-2012", V2_0;
    GostR34_11_2012 = 0x002f, "GOST R 34.11-2012", V2_0;
    GostR34_13_2015 = 0x0030, "GOST R 34.13-2015", V2_0;
    Gost28147_89 = 0x0031, "GOST 28147-89", V2_0;
    Xmss = 0x0032, "XMSS", V2_0;
    Sphincs256 = 0x0033, "SPHINCS-256", V2_0;
    McEliece = 0x0034, "McEliece", V2_0;
    McEliece6960119 = 0x0035, "McEliece-6960119", V2_0;
    McEliece8192128 = 0x0036, "McEliece-8192128", V2_0;
    Ed25519 = 0x0037, "Ed25519", V2_0;
    Ed448 = 0x0038, "Ed448", V2_0;
}

enumeration! {
    DrbgAlgorithm, "DRBG Algorithm", V1_3;
    Unspecified = 0x0001, "Unspecified", V1_3;
    DualEc = 0x0002, "Dual-EC", V1_3;
    Hash = 0x0003, "Hash", V1_3;
    Hmac = 0x0004, "HMAC", V1_3;
    Ctr = 0x0005, "CTR", V1_3;
}

enumeration! {
    DerivationMethod, "Derivation Method", V1_0;
    Pbkdf2 = 0x0001, "PBKDF2", V1_0;
    Hash = 0x0002, "HASH", V1_0;
    Hmac = 0x0003, "HMAC", V1_0;
    Encrypt = 0x0004, "ENCRYPT", V1_0;
    Nist800_108C = 0x0005, "NIST800-108-C", V1_0;
    Nist800_108F = 0x0006, "NIST800-108-F", V1_0;
    Nist800_108Dpi = 0x0007, "NIST800-108-DPI", V1_0;
    AsymmetricKey = 0x0008, "Asymmetric Key", V1_4;
    AwsSignatureVersion4 = 0x0009, "AWS Signature Version 4", V2_0;
    Hkdf = 0x000a, "HKDF", V2_0;
}

enumeration! {
    DigitalSignatureAlgorithm, "Digital Signature Algorithm", V1_1;
    Md2WithRsaEncryption = 0x0001, "MD2 with RSA Encryption", V1_1;
    Md5WithRsaEncryption = 0x0002, "MD5 with RSA Encryption", V1_1;
    Sha1WithRsaEncryption = 0x0003, "SHA-1 with RSA Encryption", V1_1;
    Sha224WithRsaEncryption = 0x0004, "SHA-224 with RSA Encryption", V1_1;
    Sha256WithRsaEncryption = 0x0005, "SHA-256 with RSA Encryption", V1_1;
    Sha384WithRsaEncryption = 0x0006, "SHA-384 with RSA Encryption", V1_1;
    Sha512WithRsaEncryption = 0x0007, "SHA-512 with RSA Encryption", V1_1;
    RsassaPss = 0x0008, "RSASSA-PSS", V1_1;
    DsaWithSha1 = 0x0009, "DSA with SHA-1", V1_1;
    DsaWithSha224 = 0x000a, "DSA with SHA224", V1_1;
    DsaWithSha256 = 0x000b, "DSA with SHA256", V1_1;
    EcdsaWithSha1 = 0x000c, "ECDSA with SHA-1", V1_1;
    EcdsaWithSha224 = 0x000d, "ECDSA with SHA224", V1_1;
    EcdsaWithSha256 = 0x000e, "ECDSA with SHA256", V1_1;
    EcdsaWithSha384 = 0x000f, "ECDSA with SHA384", V1_1;
    EcdsaWithSha512 = 0x0010, "ECDSA with SHA512", V1_1;
    Sha3_256WithRsaEncryption = 0x0011, "SHA3-256 with RSA Encryption", V1_4;
    Sha3_384WithRsaEncryption = 0x0012, "SHA3-384 with RSA Encryption", V1_4;
    Sha3_512WithRsaEncryption = 0x0013, "SHA3-512 with RSA Encryption", V1_4;
}

enumeration! {
    Fips186Variation, "FIPS186 Variation", V1_3;
    Unspecified = 0x0001, "Unspecified", V1_3;
    GpXOriginal = 0x0002, "GP x-Original", V1_3;
    GpXChangeNotice = 0x0003, "GP x-Change Notice", V1_3;
    XOriginal = 0x0004, "x-Original", V1_3;
    XChangeNotice = 0x0005, "x-Change Notice", V1_3;
    KOriginal = 0x0006, "k-Original", V1_3;
    KChangeNotice = 0x0007, "k-Change Notice", V1_3;
}

enumeration! {
    HashingAlgorithm, "Hashing Algorithm", V1_0;
    Md2 = 0x0001, "MD2", V1_0;
    Md4 = 0x0002, "MD4", V1_0;
    Md5 = 0x0003, "MD5", V1_0;
    Sha1 = 0x0004, "SHA-1", V1_0;
    Sha224 = 0x0005, "SHA-224", V1_0;
    Sha256 = 0x0006, "SHA-256", V1_0;
    Sha384 = 0x0007, "SHA-384", V1_0;
    Sha512 = 0x0008, "SHA-512", V1_0;
    Ripemd160 = 0x0009, "RIPEMD-160", V1_0;
    Tiger = 0x000a, "Tiger", V1_0;
    Whirlpool = 0x000b, "Whirlpool", V1_0;
    Sha512_224 = 0x000c, "SHA-512/224", V1_2;
    Sha512_256 = 0x000d, "SHA-512/256", V1_2;
    Sha3_224 = 0x000e, "SHA3-224", V1_4;
    Sha3_256 = 0x000f, "SHA3-256", V1_4;
    Sha3_384 = 0x0010, "SHA3-384", V1_4;
    Sha3_512 = 0x0011, "SHA3-512", V1_4;
}

enumeration! {
    KeyRoleType, "Key Role Type", V1_0;
    Bdk = 0x0001, "BDK", V1_0;
    Cvk = 0x0002, "CVK", V1_0;
    Dek = 0x0003, "DEK", V1_0;
    Mkac = 0x0004, "MKAC", V1_0;
    Mksmc = 0x0005, "MKSMC", V1_0;
    Mksmi = 0x0006, "MKSMI", V1_0;
    Mkdac = 0x0007, "MKDAC", V1_0;
    Mkdn = 0x0008, "MKDN", V1_0;
    Mkcp = 0x0009, "MKCP", V1_0;
    Mkoth = 0x000a, "MKOTH", V1_0;
    Kek = 0x000b, "KEK", V1_0;
    Mac16609 = 0x000c, "MAC16609", V1_0;
    Mac97971 = 0x000d, "MAC97971", V1_0;
    Mac97972 = 0x000e, "MAC97972", V1_0;
    Mac97973 = 0x000f, "MAC97973", V1_0;
    Mac97974 = 0x0010, "MAC97974", V1_0;
    Mac97975 = 0x0011, "MAC97975", V1_0;
    Zpk = 0x0012, "ZPK", V1_0;
    Pvkibm = 0x0013, "PVKIBM", V1_0;
    Pvkpvv = 0x0014, "PVKPVV", V1_0;
    Pvkoth = 0x0015, "PVKOTH", V1_0;
    Dukpt = 0x0016, "DUKPT", V1_4;
    Iv = 0x0017, "IV", V1_4;
    Trkbk = 0x0018, "TRKBK", V1_4;
}

enumeration! {
    MaskGenerator, "Mask Generator", V1_4;
    Mgf1 = 0x0001, "MGF1", V1_4;
}

enumeration! {
    PaddingMethod, "Padding Method", V1_0;
    None = 0x0001, "None", V1_0;
    Oaep = 0x0002, "OAEP", V1_0;
    Pkcs5 = 0x0003, "PKCS5", V1_0;
    Ssl3 = 0x0004, "SSL3", V1_0;
    Zeros = 0x0005, "Zeros", V1_0;
    AnsiX9_23 = 0x0006, "ANSI X9.23", V1_0;
    Iso10126 = 0x0007, "ISO 10126", V1_0;
    Pkcs1V1_5 = 0x0008, "PKCS1 v1.5", V1_0;
    X9_31 = 0x0009, "X9.31", V1_0;
    Pss = 0x000a, "PSS", V1_0;
}

enumeration! {
    RngAlgorithm, "RNG Algorithm", V1_3;
    Unspecified = 0x0001, "Unspecified", V1_3;
    Fips186_2 = 0x0002, "FIPS 186-2", V1_3;
    Drbg = 0x0003, "DRBG", V1_3;
    Nrbg = 0x0004, "NRBG", V1_3;
    AnsiX9_31 = 0x0005, "ANSI X9.31", V1_3;
    AnsiX9_62 = 0x0006, "ANSI X9.62", V1_3;
}

enumeration! {
    RngMode, "RNG Mode", V1_3;
    Unspecified = 0x0001, "Unspecified", V1_3;
    SharedInstantiation = 0x0002, "Shared Instantiation", V1_3;
    NonSharedInstantiation = 0x0003, "Non-Shared Instantiation", V1_3;
}

enumeration! {
    RecommendedCurve, "Recommended Curve", V1_0;
    P192 = 0x0001, "P-192", V1_0;
    K163 = 0x0002, "K-163", V1_0;
    B163 = 0x0003, "B-163", V1_0;
    P224 = 0x0004, "P-224", V1_0;
    K233 = 0x0005, "K-233", V1_0;
    B233 = 0x0006, "B-233", V1_0;
    P256 = 0x0007, "P-256", V1_0;
    K283 = 0x0008, "K-283", V1_0;
    B283 = 0x0009, "B-283", V1_0;
    P384 = 0x000a, "P-384", V1_0;
    K409 = 0x000b, "K-409", V1_0;
    B409 = 0x000c, "B-409", V1_0;
    P521 = 0x000d, "P-521", V1_0;
    K571 = 0x000e, "K-571", V1_0;
    B571 = 0x000f, "B-571", V1_0;
    Secp112r1 = 0x0010, "SECP112R1", V1_2;
    Secp112r2 = 0x0011, "SECP112R2", V1_2;
    Secp128r1 = 0x0012, "SECP128R1", V1_2;
    Secp128r2 = 0x0013, "SECP128R2", V1_2;
    Secp160k1 = 0x0014, "SECP160K1", V1_2;
    Secp160r1 = 0x0015, "SECP160R1", V1_2;
    Secp160r2 = 0x0016, "SECP160R2", V1_2;
    Secp192k1 = 0x0017, "SECP192K1", V1_2;
    Secp224k1 = 0x0018, "SECP224K1", V1_2;
    Secp256k1 = 0x0019, "SECP256K1", V1_2;
    Sect113r1 = 0x001a, "SECT113R1", V1_2;
    Sect113r2 = 0x001b, "SECT113R2", V1_2;
    Sect131r1 = 0x001c, "SECT131R1", V1_2;
    Sect131r2 = 0x001d, "SECT131R2", V1_2;
    Sect163r1 = 0x001e, "SECT163R1", V1_2;
    Sect193r1 = 0x001f, "SECT193R1", V1_2;
    Sect193r2 = 0x0020, "SECT193R2", V1_2;
    Sect239k1 = 0x0021, "SECT239K1", V1_2;
    Ansix9p192v2 = 0x0022, "ANSIX9P192V2", V1_2;
    Ansix9p192v3 = 0x0023, "ANSIX9P192V3", V1_2;
    Ansix9p239v1 = 0x0024, "ANSIX9P239V1", V1_2;
    Ansix9p239v2 = 0x0025, "ANSIX9P239V2", V1_2;
    Ansix9p239v3 = 0x0026, "ANSIX9P239V3", V1_2;
    Ansix9c2pnb163v1 = 0x0027, "ANSIX9C2PNB163V1", V1_2;
    Ansix9c2pnb163v2 = 0x0028, "ANSIX9C2PNB163V2", V1_2;
    Ansix9c2pnb163v3 = 0x0029, "ANSIX9C2PNB163V3", V1_2;
    Ansix9c2pnb176v1 = 0x002a, "ANSIX9C2PNB176V1", V1_2;
    Ansix9c2tnb191v1 = 0x002b, "ANSIX9C2TNB191V1", V1_2;
    Ansix9c2tnb191v2 = 0x002c, "ANSIX9C2TNB191V2", V1_2;
    Ansix9c2tnb191v3 = 0x002d, "ANSIX9C2TNB191V3", V1_2;
    Ansix9c2pnb208w1 = 0x002e, "ANSIX9C2PNB208W1", V1_2;
    Ansix9c2tnb239v1 = 0x002f, "ANSIX9C2TNB239V1", V1_2;
    Ansix9c2tnb239v2 = 0x0030, "ANSIX9C2TNB239V2", V1_2;
    Ansix9c2tnb239v3 = 0x0031, "ANSIX9C2TNB239V3", V1_2;
    Ansix9c2pnb272w1 = 0x0032, "ANSIX9C2PNB272W1", V1_2;
    Ansix9c2pnb304w1 = 0x0033, "ANSIX9C2PNB304W1", V1_2;
    Ansix9c2tnb359v1 = 0x0034, "ANSIX9C2TNB359V1", V1_2;
    Ansix9c2pnb368w1 = 0x0035, "ANSIX9C2PNB368W1", V1_2;
    Ansix9c2tnb431r1 = 0x0036, "ANSIX9C2TNB431R1", V1_2;
    Brainpoolp160r1 = 0x0037, "BRAINPOOLP160R1", V1_2;
    Brainpoolp160t1 = 0x0038, "BRAINPOOLP160T1", V1_2;
    Brainpoolp192r1 = 0x0039, "BRAINPOOLP192R1", V1_2;
    Brainpoolp192t1 = 0x003a, "BRAINPOOLP192T1", V1_2;
    Brainpoolp224r1 = 0x003b, "BRAINPOOLP224R1", V1_2;
    Brainpoolp224t1 = 0x003c, "BRAINPOOLP224T1", V1_2;
    Brainpoolp256r1 = 0x003d, "BRAINPOOLP256R1", V1_2;
    Brainpoolp256t1 = 0x003e, "BRAINPOOLP256T1", V1_2;
    Brainpoolp320r1 = 0x003f, "BRAINPOOLP320R1", V1_2;
    Brainpoolp320t1 = 0x0040, "BRAINPOOLP320T1", V1_2;
    Brainpoolp384r1 = 0x0041, "BRAINPOOLP384R1", V1_2;
    Brainpoolp384t1 = 0x0042, "BRAINPOOLP384T1", V1_2;
    Brainpoolp512r1 = 0x0043, "BRAINPOOLP512R1", V1_2;
    Brainpoolp512t1 = 0x0044, "BRAINPOOLP512T1", V1_2;
    Curve25519 = 0x0045, "CURVE25519", V2_0;
    Curve448 = 0x0046, "CURVE448", V2_0;
}
