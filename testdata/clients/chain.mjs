// The JavaScript SDK finding credentials by itself, on a clock of its own. Each line of the input is a call:
// {"shift": SECONDS, "code": CODE} with the seconds that this client's clock is ahead and the code of its MFA device. Each
// line of the output is what came of it: {"arn": ..., "key": ...} or {"error": ...}.
import { createInterface } from "node:readline";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { fromNodeProviderChain } from "@aws-sdk/credential-providers";

let call = { shift: 0 };
const real = Date.now;
Date.now = () => real() + call.shift * 1000;

// The chain is the default one in either case: it is named only to be told the code of an MFA device.
const sts = new STSClient(process.env.MFA ? { credentials: fromNodeProviderChain({ mfaCodeProvider: async () => call.code }) } : {});

for await (const line of createInterface({ input: process.stdin })) {
  call = JSON.parse(line);
  let answer;
  try {
    const { Arn: arn } = await sts.send(new GetCallerIdentityCommand({}));
    answer = { arn, key: (await sts.config.credentials()).accessKeyId };
  } catch (e) {
    answer = { error: `${e.name}: ${e.message}` };
  }
  console.log(JSON.stringify(answer));
}
