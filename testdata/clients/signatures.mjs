// What the JavaScript SDK signs gets past authentication; what another secret signed does not. AWS_ENDPOINT_URL names the
// server. Credentials come from the environment: KEY_ID and SECRET of a user, SESSION_KEY_ID, SESSION_SECRET and
// SESSION_TOKEN of a session.
import http from "node:http";
import { Readable } from "node:stream";
import { DynamoDBClient, ListTablesCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import {
  CopyObjectCommand, DeleteObjectsCommand, GetObjectCommand, HeadObjectCommand, ListBucketsCommand, ListObjectsV2Command,
  PutObjectCommand, S3Client, UploadPartCommand,
} from "@aws-sdk/client-s3";
import { ListQueuesCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const endpoint = process.env.AWS_ENDPOINT_URL;
const big = Buffer.alloc(320 << 10, "0123456789abcdef");
const Bucket = "bucket";
const Key = "a b/+ü//c";
let passed = 0;
const failures = [];

function judge(name, got, want) {
  if (got === want) passed++;
  else failures.push(`${name}: got ${got}, want ${want}`);
}

async function check(name, want, call) {
  let got = "";
  try {
    await call();
  } catch (e) {
    got = e.name === "Unknown" || e.$metadata?.httpStatusCode === undefined ? String(e.$metadata?.httpStatusCode ?? e) : e.name;
  }
  judge(name, got, want);
}

async function visit(name, status, code, url, init = {}) {
  const response = await fetch(url, init);
  const text = await response.text();
  judge(name, `${response.status} ${/<Code>(\w+)/.exec(text)?.[1] ?? ""}`, `${status} ${code}`);
}

// A body whose length is known and that cannot be read twice: the SDK streams it in chunks with a trailing checksum.
const stream = () => Readable.from([big.subarray(0, 100_000), big.subarray(100_000)], { objectMode: false });

function services(credentials) {
  const config = { endpoint, region: "us-east-1", credentials, maxAttempts: 1 };
  const sts = new STSClient(config);
  const table = new DynamoDBClient(config);
  const queue = new SQSClient(config);
  const s3 = new S3Client({ ...config, forcePathStyle: true });
  const virtual = new S3Client({ ...config, endpoint: endpoint.replace("127.0.0.1", "localhost") });
  // Names below localhost lead to the server on every system.
  virtual.config.requestHandler = lookingUp();
  const calls = {
    here: {
      "sts GetCallerIdentity": () => sts.send(new GetCallerIdentityCommand({})),
    },
    json: {
      "dynamodb ListTables": () => table.send(new ListTablesCommand({})),
      "dynamodb PutItem": () => table.send(new PutItemCommand({ TableName: "table", Item: { k: { S: "é &+" } } })),
      "sqs ListQueues": () => queue.send(new ListQueuesCommand({ QueueNamePrefix: "a" })),
      "sqs SendMessage": () => queue.send(new SendMessageCommand({ QueueUrl: `${endpoint}/000000000000/q`, MessageBody: "é &+" })),
    },
    xml: {
      "s3 ListBuckets": () => s3.send(new ListBucketsCommand({})),
    },
  };
  for (const [name, c] of Object.entries({ path: s3, virtual })) {
    Object.assign(calls.xml, {
      [`s3 PutObject (${name})`]: () => c.send(new PutObjectCommand({ Bucket, Key, Body: big, Metadata: { a: "two  blanks" } })),
      [`s3 PutObject of a stream (${name})`]: () => c.send(new PutObjectCommand({ Bucket, Key, Body: stream(), ContentLength: big.length })),
      [`s3 PutObject, empty (${name})`]: () => c.send(new PutObjectCommand({ Bucket, Key: "empty", Body: "" })),
      [`s3 UploadPart (${name})`]: () => c.send(new UploadPartCommand({ Bucket, Key, UploadId: "u", PartNumber: 1, Body: big })),
      [`s3 ListObjectsV2 (${name})`]: () => c.send(new ListObjectsV2Command({ Bucket, Prefix: "a b/+", Delimiter: "/" })),
      [`s3 CopyObject (${name})`]: () => c.send(new CopyObjectCommand({ Bucket, Key, CopySource: "b/a%20b" })),
      [`s3 DeleteObjects (${name})`]: () => c.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: "k" }] } })),
    });
    for (const ChecksumAlgorithm of ["CRC32", "CRC32C", "SHA1", "SHA256"]) {
      calls.xml[`s3 PutObject with ${ChecksumAlgorithm} (${name})`] = () =>
        c.send(new PutObjectCommand({ Bucket, Key, Body: big, ChecksumAlgorithm }));
      calls.xml[`s3 PutObject of a stream with ${ChecksumAlgorithm} (${name})`] = () =>
        c.send(new PutObjectCommand({ Bucket, Key, Body: stream(), ContentLength: big.length, ChecksumAlgorithm }));
    }
  }
  return { ...calls, sts, s3 };
}

// lookingUp is a request handler that resolves every name to the server's address.
function lookingUp() {
  const lookup = (_, options, done) => (options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4));
  return new Handler({ httpAgent: new http.Agent({ lookup }) });
}
const Handler = new S3Client({ region: "us-east-1" }).config.requestHandler.constructor;

const user = { accessKeyId: process.env.KEY_ID, secretAccessKey: process.env.SECRET };
const session = {
  accessKeyId: process.env.SESSION_KEY_ID, secretAccessKey: process.env.SESSION_SECRET, sessionToken: process.env.SESSION_TOKEN,
};

for (const [kind, credentials] of Object.entries({ user, session })) {
  const { here, json, xml, s3 } = services(credentials);
  for (const [name, call] of Object.entries(here)) await check(`${kind}: ${name}`, "", call);
  for (const [name, call] of Object.entries({ ...json, ...xml })) await check(`${kind}: ${name}`, "NotImplemented", call);
  await check(`${kind}: s3 HeadObject`, "501", () => s3.send(new HeadObjectCommand({ Bucket, Key })));

  await visit(`${kind}: presigned GET`, 501, "NotImplemented", await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key, ResponseContentType: "a/b; c=d" })));
  const put = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key, Metadata: { a: "b" } }), { expiresIn: 60 });
  await visit(`${kind}: presigned PUT`, 501, "NotImplemented", put, { method: "PUT", body: "body" });
  await visit(`${kind}: presigned PUT used to copy`, 403, "AccessDenied", put, { method: "PUT", headers: { "x-amz-copy-source": "b/k" } });
  await visit(`${kind}: presigned GET used to delete`, 403, "SignatureDoesNotMatch", await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key })), { method: "DELETE" });

  const other = services({ ...credentials, secretAccessKey: credentials.secretAccessKey + "x" });
  for (const [name, call] of Object.entries({ ...other.here, ...other.xml })) await check(`${kind}, another secret: ${name}`, "SignatureDoesNotMatch", call);
  for (const [name, call] of Object.entries(other.json)) await check(`${kind}, another secret: ${name}`, "InvalidSignatureException", call);
}

const { here, json, xml, sts } = services({ accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "secret" });
for (const [calls, code] of [[here, "InvalidClientTokenId"], [json, "UnrecognizedClientException"], [xml, "InvalidAccessKeyId"]]) {
  for (const [name, call] of Object.entries(calls)) await check(`unknown key: ${name}`, code, call);
}
await check("unknown key: sts AssumeRole", "InvalidClientTokenId", () =>
  sts.send(new AssumeRoleCommand({ RoleArn: "arn:aws:iam::000000000000:role/app", RoleSessionName: "js" })));

console.log(failures.join("\n"));
console.log(`${passed} passed, ${failures.length} failed`);
process.exit(failures.length ? 1 : 0);
