/**
 * Loads a config file. All of its problems are reported at once, each with its position.
 *
 * @module
 */
import { dirname, resolve } from "node:path";
import { utf8Text } from "../base/bytes.ts";
import { whyWritable } from "../base/credential_file.ts";
import { whyUnreadable } from "../base/durable_file.ts";
import { KmsError } from "../base/errors.ts";
import type { Config } from "./config.ts";
import type { Environment } from "./environment.ts";
import { isRefusal } from "../base/system_failures.ts";
import { type Files, realFiles } from "./files.ts";
import { sharedHash } from "./shared_hash.ts";

/** Maximum size in bytes; a config of eight providers has about 4 KiB. */
const largestConfig = 256 * 1024;

/**
 * Reads, validates and completes a config. YAML and the schema are loaded by this call, so that the embedded default
 * needs neither their memory nor their loading time.
 *
 * @param path relative to the working folder; relative paths in the file start at the file's folder.
 * @param environment for `{ variable: NAME }` and the state folder.
 * @param files another file system, for tests.
 * @throws {KmsError} `config`; the message has one line `path:line:column: field: …` for each problem, in the order of
 *   the file, and never contains the value of a field.
 */
export async function loadConfig(path: string, environment: Environment, files: Files = realFiles): Promise<Config> {
  const text = await readText(path, files);
  const [{ readYaml }, { Problems }, { checkShape }, { resolveConfig }, { ConfigValidator }] = await Promise
    .all([
      import("../base/yaml_positions.ts"),
      import("./problems.ts"),
      import("./shape.ts"),
      import("./resolve.ts"),
      import("./providers/common.ts"),
    ]);
  const yaml = readYaml(text);
  const problems = new Problems(path, yaml.position);
  for (const { position, text } of yaml.problems) problems.atPosition(position, text);
  if (yaml.value === undefined) return problems.fail();
  const absolute = resolve(path);
  const shaped = checkShape(yaml.value, problems);
  if (shaped === undefined) return problems.fail();
  const validator = new ConfigValidator(problems, files, environment, dirname(absolute));
  const config = await resolveConfig(absolute, shaped, environment, files, validator);
  problems.throwIfAny();
  const exposure = await files.exposure(absolute);
  const why = exposure === undefined ? undefined : whyWritable(absolute, exposure.file);
  if (why !== undefined) problems.remark(`Others may change the configuration ${absolute}: ${why}.`);
  const keyring = { ...config.keyring, isWritten: hasMember(yaml.value, "keyring") };
  return {
    ...config,
    hash: sharedHash(config),
    keyring,
    ...(problems.remarks.length === 0 ? {} : { remarks: problems.remarks }),
  };
}

function hasMember(value: unknown, name: string): boolean {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name);
}

async function readText(path: string, files: Files): Promise<string> {
  const bytes = await files.read(path, largestConfig).catch((thrown) => {
    // The more frequent cause is a command run by another user, not a wrong owner of the file.
    if (isRefusal(thrown)) {
      throw unreadable(path, "this user may not read it; run this as a user who may, for instance root", thrown);
    }
    throw unreadable(path, whyUnreadable(thrown, path), thrown);
  });
  const text = utf8Text(bytes);
  if (text === undefined) throw unreadable(path, "it is not UTF-8 text");
  return text;
}

function unreadable(path: string, why: string, cause?: unknown): KmsError {
  return new KmsError("config", `Cannot read the config file ${path}: ${why}.`, { cause });
}
