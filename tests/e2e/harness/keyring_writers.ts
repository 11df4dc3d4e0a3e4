/**
 * Writers to a keyring, and the model of what it must hold: each acknowledged write, nothing that was refused, and of the
 * writes without an answer either all or nothing.
 *
 * @module
 */
import { equal, ok } from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { KeyringAnswer, KeyringSite } from "./keyring.ts";

/** A secret as the test knows it. The values are base64 of random bytes. */
interface Known {
  /** The value of each acknowledged version, from 1 on. */
  readonly versions: string[];
  /** The value of a next version whose write had no answer. */
  open: string | undefined;
}

/** Numbers of outcomes. */
export interface Outcomes {
  acknowledged: number;
  refused: number;
  unanswered: number;
}

/** Paths of one request. */
const pathsOfRead = 100;

/** Versions of one secret: below the number that are kept. */
const maxVersions = 8;

/** See the module. */
export class KeyringWriters {
  readonly outcomes: Outcomes = { acknowledged: 0, refused: 0, unanswered: 0 };
  readonly #site: KeyringSite;
  readonly #known = new Map<string, Known>();
  readonly #touched = new Set<string>();

  constructor(site: KeyringSite) {
    this.#site = site;
  }

  /** Lets `count` writers write until each had no answer, or `signal` is aborted. */
  async write(round: number, count: number, signal: AbortSignal): Promise<void> {
    await Promise.all(Array.from({ length: count }, (_, number) => this.#writer(`w${number}/r${round}`, signal)));
  }

  /** Compares the keyring with the model. A write without an answer is known afterwards. */
  async compare(): Promise<void> {
    const paths = [...this.#known.keys()];
    for (let at = 0; at < paths.length; at += pathsOfRead) await this.#newest(paths.slice(at, at + pathsOfRead));
    for (const path of this.#touched) await this.#versions(path);
    this.#touched.clear();
    await this.#names();
  }

  /** Compares every version of every secret. */
  async compareAll(): Promise<void> {
    for (const path of this.#known.keys()) this.#touched.add(path);
    await this.compare();
  }

  async #writer(folder: string, signal: AbortSignal): Promise<void> {
    for (let count = 0; !signal.aborted; count++) {
      const path = `${folder}-${Math.floor(count / 6)}`;
      const { versions, open } = this.#of(path);
      if (open !== undefined || versions.length >= maxVersions) return;
      if (count % 6 === 4) await this.#refused(path, "POST", {}, 409);
      else if (count % 6 === 5) await this.#refused(path, "PUT", { "if-match": '"7777"' }, 412);
      else if (!await this.#writes(path, versions.length)) return;
    }
  }

  /** A write. @returns whether it was acknowledged. */
  async #writes(path: string, version: number): Promise<boolean> {
    const known = this.#of(path);
    const value = randomBytes(1 + Math.floor(Math.random() * 2_000)).toString("base64");
    known.open = value;
    this.#touched.add(path);
    const method = version === 0 ? "POST" : "PUT";
    const headers: Record<string, string> = version === 0 ? {} : { "if-match": `"${version}"` };
    const answer = await this.#send(method, path, value, headers);
    if (answer === undefined) {
      this.outcomes.unanswered++;
      return false;
    }
    if (answer.status >= 500) return this.#unavailable(known, answer);
    equal(answer.status, version === 0 ? 201 : 200, answer.text);
    equal(answer.body.version, version + 1, answer.text);
    known.versions.push(value);
    known.open = undefined;
    this.outcomes.acknowledged++;
    return true;
  }

  /** After an answer of 503 the write has not happened, unless the answer says that this is not known. */
  #unavailable(known: Known, { status, text, body }: KeyringAnswer): false {
    equal(status, 503, text);
    if (body.detail.includes("Whether the write has happened cannot be found out now")) {
      this.outcomes.unanswered++;
      return false;
    }
    known.open = undefined;
    this.outcomes.refused++;
    return false;
  }

  async #refused(path: string, method: string, headers: Record<string, string>, status: number): Promise<void> {
    const answer = await this.#send(method, path, randomBytes(20).toString("base64"), headers);
    if (answer === undefined || answer.status >= 500) return;
    equal(answer.status, status, `${method} ${path}: ${answer.text}`);
    this.outcomes.refused++;
  }

  async #send(
    method: string,
    path: string,
    value: string,
    headers: Record<string, string>,
  ): Promise<KeyringAnswer | undefined> {
    const body = { fields: { value: { kind: "bytes", value } } };
    const answer = await this.#site.call(method, `/api/v1/secrets/${path}`, body, headers).catch(() => undefined);
    return answer === undefined || answer.status === 0 || answer.body === undefined ? undefined : answer;
  }

  async #newest(paths: readonly string[]): Promise<void> {
    const { status, text, body } = await this.#site.call("POST", "/api/v1/read", { paths });
    equal(status, 200, text);
    for (const { path, secret, problem } of body.secrets) {
      const known = this.#of(path);
      if (problem !== undefined) {
        equal(problem.status, 404, JSON.stringify(problem));
        ok(known.versions.length === 0, `${path} is lost: ${known.versions.length} versions were acknowledged`);
        this.#known.delete(path);
        this.#touched.delete(path);
        continue;
      }
      const { version, fields: { value: { value } } } = secret;
      if (version === known.versions.length + 1 && known.open !== undefined) known.versions.push(known.open);
      known.open = undefined;
      equal(version, known.versions.length, `the newest version of ${path}`);
      equal(value, known.versions.at(-1), `the value of ${path}, version ${version}`);
    }
    equal(body.secrets.length, paths.length);
  }

  async #versions(path: string): Promise<void> {
    const { versions } = this.#of(path);
    for (const [index, expected] of versions.slice(0, -1).entries()) {
      const { status, text, body } = await this.#site.call("GET", `/api/v1/secrets/${path}?version=${index + 1}`);
      equal(status, 200, `${path}, version ${index + 1}: ${text}`);
      equal(body.fields.value.value, expected, `the value of ${path}, version ${index + 1}`);
    }
  }

  /** No secret is there that the model does not have. */
  async #names(): Promise<void> {
    for (const folder of await this.#listed("")) {
      for (const path of await this.#listed(folder)) ok(this.#known.has(path), `${path} was not written, and is there`);
    }
  }

  async #listed(folder: string): Promise<string[]> {
    const all: string[] = [];
    for (let more = true; more;) {
      const after = all.length === 0 ? "" : `&after=${encodeURIComponent(all.at(-1) ?? "")}`;
      const answer = await this.#site.call("GET", `/api/v1/list/${folder}?limit=1000${after}`);
      equal(answer.status, 200, answer.text);
      all.push(...answer.body.entries.map(({ path }: { path: string }) => path));
      more = answer.body.more;
    }
    return all;
  }

  #of(path: string): Known {
    const known = this.#known.get(path) ?? { versions: [], open: undefined };
    this.#known.set(path, known);
    return known;
  }
}
