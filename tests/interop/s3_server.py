"""An S3 server of another make (moto), which checks signatures, and a look into its buckets through a client of another make (boto3).

Prints one line of JSON when it is ready: its port, an access key and its secret. Then, for each line of its input, which names a bucket, one
line with the bucket's objects in the order of their names. Ends when its input does.
"""

import json
import os
import sys

# How many calls may come before requests have to be signed by somebody who may: those on IAM below.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "3"

import boto3  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402

BUCKETS = 40
POLICY = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["s3:*"], "Resource": "*"}}


def client(service, key, secret):
    return boto3.client(
        service,
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
    )


def objects(bucket):
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for found in page.get("Contents", []):
            read = s3.get_object(Bucket=bucket, Key=found["Key"])
            yield {
                "key": found["Key"],
                "type": read["ContentType"],
                "metadata": read["Metadata"],
                "text": read["Body"].read().decode(),
            }


server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
_, port = server.get_host_and_port()
iam = client("iam", "none", "none")
iam.create_user(UserName="keyledger")
key = iam.create_access_key(UserName="keyledger")["AccessKey"]
iam.put_user_policy(UserName="keyledger", PolicyName="all", PolicyDocument=json.dumps(POLICY))
s3 = client("s3", key["AccessKeyId"], key["SecretAccessKey"])
for number in range(BUCKETS):
    s3.create_bucket(Bucket=f"bucket-{number}")
print(json.dumps({"port": port, "id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}), flush=True)
for line in sys.stdin:
    print(json.dumps(list(objects(line.strip()))), flush=True)
