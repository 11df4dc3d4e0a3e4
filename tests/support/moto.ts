/**
 * A real moto for one test file: an independent implementation of AWS in memory, on loopback.
 *
 * It checks signatures and the rights of users only after `enforce`, so that the administrator can set it up before.
 *
 * @module
 */
import { serverProgram } from "../e2e/servers.ts";
import { freePort, Process, waitFor } from "./processes.ts";

/** An access key of a user. */
export interface MotoKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** A running moto. Disposing of it ends it. */
export interface Moto extends AsyncDisposable {
  /** The address of all its services. */
  readonly endpoint: string;
  readonly process: Process;
  /** Makes one call of KMS without a check of rights. It throws if the call is refused. */
  // deno-lint-ignore no-explicit-any
  kms(operation: string, input: unknown, region?: string): Promise<any>;
  /** Makes one call of IAM or STS in the same way. @returns the answer, XML. */
  query(service: "iam" | "sts", action: string, fields: Readonly<Record<string, string>>): Promise<string>;
  /** Makes a symmetric key. @returns its ARN. */
  newKey(region?: string, input?: Readonly<Record<string, unknown>>): Promise<string>;
  /** Makes a user with an access key and optionally a policy. */
  newUser(name: string, policy?: unknown): Promise<MotoKey>;
  /** Enables or disables the check of signatures and rights. */
  enforce(on: boolean): Promise<void>;
  /** Deletes everything: keys, users, roles. */
  reset(): Promise<void>;
}

/** The default Region of new keys. */
export const motoRegion = "eu-central-1";

/** Starts moto and waits until it answers. */
export async function startMoto(): Promise<Moto> {
  const port = freePort();
  const command = await serverProgram("moto_server");
  const log = await Deno.makeTempFile({ prefix: "moto-", suffix: ".log" });
  // It prints a line for every request. With a pipe, a pending read would count as a leak in every test.
  const args = ["-c", 'exec "$0" -H 127.0.0.1 -p "$1" >"$2" 2>&1', command, `${port}`, log];
  const process = new Process({ name: "moto", command: "/bin/sh", args });
  const endpoint = `http://127.0.0.1:${port}`;
  try {
    const answers = async () => (await send(`${endpoint}/moto-api/`, {})).status === 200;
    await waitFor("moto", answers, { timeoutMs: 60_000, everyMs: 100, alive: [process] });
  } catch (cause) {
    await process[Symbol.asyncDispose]();
    throw new Error(`moto does not serve; it printed last:\n${(await Deno.readTextFile(log)).slice(-4000)}`, { cause });
  }
  return new RunningMoto(endpoint, process, log);
}

class RunningMoto implements Moto {
  readonly endpoint: string;
  readonly process: Process;
  readonly #log: string;
  #enforced = false;

  constructor(endpoint: string, process: Process, log: string) {
    this.endpoint = endpoint;
    this.process = process;
    this.#log = log;
  }

  async kms(operation: string, input: unknown, region = motoRegion) {
    const text = await this.#ask("kms", region, {
      "content-type": "application/x-amz-json-1.1",
      "x-amz-target": `TrentService.${operation}`,
    }, JSON.stringify(input));
    return JSON.parse(text);
  }

  async query(service: "iam" | "sts", action: string, fields: Readonly<Record<string, string>>): Promise<string> {
    const body = new URLSearchParams({ Action: action, Version: versions[service], ...fields }).toString();
    return await this.#ask(service, "us-east-1", { "content-type": "application/x-www-form-urlencoded" }, body);
  }

  async newKey(region = motoRegion, input: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const wanted = { KeySpec: "SYMMETRIC_DEFAULT", KeyUsage: "ENCRYPT_DECRYPT", ...input };
    return (await this.kms("CreateKey", wanted, region)).KeyMetadata.Arn;
  }

  async newUser(name: string, policy?: unknown): Promise<MotoKey> {
    await this.query("iam", "CreateUser", { UserName: name });
    if (policy !== undefined) await putPolicy(this, name, policy);
    const xml = await this.query("iam", "CreateAccessKey", { UserName: name });
    const part = (tag: string) => new RegExp(`<${tag}>([^<]+)</${tag}>`).exec(xml)?.[1] ?? "";
    return { accessKeyId: part("AccessKeyId"), secretAccessKey: part("SecretAccessKey") };
  }

  async enforce(on: boolean): Promise<void> {
    // The number of requests before the checks begin.
    await this.#must("reset-auth", on ? "0" : "inf");
    this.#enforced = on;
  }

  async reset(): Promise<void> {
    await this.#must("reset", "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.stop(2000);
    await Deno.remove(this.#log);
  }

  /** Makes a request as an administrator: the check of rights is disabled during it. */
  async #ask(service: string, region: string, headers: Record<string, string>, body: string): Promise<string> {
    const enforced = this.#enforced;
    if (enforced) await this.enforce(false);
    try {
      const scope = `Credential=ADMIN/20260101/${region}/${service}/aws4_request`;
      const authorization = `AWS4-HMAC-SHA256 ${scope}, SignedHeaders=host, Signature=none`;
      const { status, text } = await send(this.endpoint, { ...headers, authorization }, body);
      if (status !== 200) throw new Error(`moto answered ${status} for ${service}: ${text}`);
      return text;
    } finally {
      if (enforced) await this.enforce(true);
    }
  }

  async #must(path: string, body: string): Promise<void> {
    const { status } = await send(`${this.endpoint}/moto-api/${path}`, { "content-type": "text/plain" }, body);
    if (status !== 200) throw new Error(`moto answered ${status} to ${path}.`);
  }
}

/** Replaces the policy of a user. */
export async function putPolicy(moto: Moto, user: string, policy: unknown): Promise<void> {
  const fields = { UserName: user, PolicyName: "trousseau", PolicyDocument: JSON.stringify(policy) };
  await moto.query("iam", "PutUserPolicy", fields);
}

/**
 * The policy in `deploy`, in the form that moto can check: moto requires the actions by the names of the operations, and
 * checks no resource.
 */
export async function shippedPolicy(): Promise<unknown> {
  const text = await Deno.readTextFile(new URL("../../deploy/policies/aws-kms.json", import.meta.url));
  const policy: { Statement: { Resource: string }[] } = JSON.parse(text);
  return { ...policy, Statement: policy.Statement.map((statement) => ({ ...statement, Resource: "*" })) };
}

const versions = { iam: "2010-05-08", sts: "2011-06-15" } as const;

async function send(
  url: string,
  headers: Readonly<Record<string, string>>,
  body?: string,
): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(url, body === undefined ? { headers } : { method: "POST", headers, body });
  return { status: response.status, text: await response.text() };
}
