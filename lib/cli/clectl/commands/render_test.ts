import { deepEqual, doesNotMatch, equal, match } from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { runClectl } from "../../../../tests/support/clectl_terminal.ts";
import {
  answerJson,
  answerProblem,
  KeyringDouble,
  type RecordedRequest,
} from "../../../../tests/support/keyring_double.ts";

/** A server with secrets that a test changes, and streams of events. */
class Store {
  readonly secrets = new Map<string, Record<string, string>>();
  readonly streams: ServerResponse[] = [];
  /** Answers the next requests for values with this status. */
  failing: { status: number; code: string } | undefined;

  respond(request: RecordedRequest, response: ServerResponse): void {
    if (request.url.startsWith("/api/v1/watch/")) {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(": open\n\n");
      this.streams.push(response);
      return;
    }
    if (this.failing !== undefined) return answerProblem(response, this.failing.status, this.failing.code, "Not now.");
    if (request.url.startsWith("/api/v1/list/")) {
      return answerJson(response, { entries: this.#entries(request.url), more: false });
    }
    const { paths } = JSON.parse(request.body) as { paths: string[] };
    answerJson(response, { secrets: paths.map((path) => this.#read(path)) });
  }

  change(path: string, fields: Record<string, string>): void {
    this.secrets.set(path, fields);
    this.streams.at(-1)?.write(`event: change\ndata: ${JSON.stringify({ path, version: 2, action: "update" })}\n\n`);
  }

  #entries(url: string) {
    const folder = decodeURIComponent(url.slice("/api/v1/list/".length).split("?")[0] ?? "");
    return [...this.secrets.keys()].filter((path) => path.startsWith(folder)).map((path) => ({ path, version: 1 }));
  }

  #read(path: string) {
    const fields = this.secrets.get(path);
    if (fields === undefined) {
      const type = "urn:trousseau:problem:not_found";
      return { path, problem: { type, title: "", status: 404, detail: `"${path}" does not exist.`, requestId: "1" } };
    }
    const values = Object.entries(fields).map(([name, value]) => [name, { kind: "text", value }]);
    return { path, secret: { path, version: 1, createdAt: "t", labels: {}, fields: Object.fromEntries(values) } };
  }
}

/** A server, and a folder with a template. */
async function stage(template: string) {
  const store = new Store();
  const double = await KeyringDouble.start((request, response) => store.respond(request, response));
  const file = `${double.folder}/app.conf`;
  await Deno.writeTextFile(`${file}.tmpl`, template);
  const variables = { CLECTL_ADDRESS: double.address };
  return { store, double, file, variables, [Symbol.asyncDispose]: () => double[Symbol.asyncDispose]() };
}

async function eventually(check: () => Promise<boolean>): Promise<void> {
  for (let left = 200; left > 0; left--) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("It did not happen.");
}

Deno.test("render writes a file of mode 0600 in one step, and nothing else", async () => {
  await using place = await stage("user={{ db/john#user }}\npassword={{ db/john#password | json }}\n");
  const { store, file, variables } = place;
  store.secrets.set("db/john", { user: "j", password: 'a"b' });
  const end = await runClectl(["render", `${file}.tmpl`, "--to", file], { variables });
  deepEqual([end.status, end.out], [0, ""], end.err);
  equal(await Deno.readTextFile(file), 'user=j\npassword="a\\"b"\n');
  equal(((await Deno.stat(file)).mode ?? 0) & 0o777, 0o600);
  const names = (await Array.fromAsync(Deno.readDir(place.double.folder))).map(({ name }) => name).sort();
  deepEqual(names, ["admin.sock", "app.conf", "app.conf.tmpl"]);
  const printed = await runClectl(["render", `${file}.tmpl`], { variables });
  equal(printed.out, 'user=j\npassword="a\\"b"\n');
});

Deno.test("render ends with 64 for an unknown field or secret, and the old file stays", async () => {
  for (
    const [template, status] of [["{{ db/john#pasword }}", 64], ["{{ db/none#a }}", 64], ["{{ a", 64], [
      "{{ a#b | up }}",
      64,
    ]] as const
  ) {
    await using place = await stage(template);
    place.store.secrets.set("db/john", { password: "secret" });
    await Deno.writeTextFile(place.file, "old");
    const end = await runClectl(["render", `${place.file}.tmpl`, "--to", place.file], { variables: place.variables });
    deepEqual([end.status, await Deno.readTextFile(place.file)], [status, "old"], end.err);
    match(end.err, /app\.conf\.tmpl:1:1: /);
    doesNotMatch(end.err, /secret/);
  }
});

Deno.test("render --watch writes again when a secret of the template changes, and outlives outages", async () => {
  await using place = await stage("{{ db/prod/john#password }} {{ db/x#y }}");
  const { store, file, variables, double } = place;
  store.secrets.set("db/prod/john", { password: "one" });
  store.secrets.set("db/x", { y: "y" });
  const stop = new AbortController();
  const running = runClectl(["render", `${file}.tmpl`, "--to", file, "--watch"], { variables, signal: stop.signal });
  const content = (text: string) => eventually(async () => await Deno.readTextFile(file).catch(() => "") === text);
  await content("one y");
  equal(double.requests[0]?.url, "/api/v1/watch/db/");
  store.change("db/prod/john", { password: "two" });
  await content("two y");
  const before = double.requests.length;
  store.change("db/other", { a: "b" });
  store.change("db/x", { z: "no y" });
  await eventually(() => Promise.resolve(double.requests.length === before + 1));
  store.failing = { status: 503, code: "kms_unavailable" };
  store.change("db/x", { y: "new" });
  await eventually(() => Promise.resolve(double.requests.length === before + 2));
  equal(await Deno.readTextFile(file), "two y");
  store.failing = undefined;
  store.streams.at(-1)?.socket?.destroy();
  await content("two new");
  stop.abort();
  const end = await running;
  equal(end.status, 0, end.err);
  match(end.err, /has no field "y".*\n.*stays as it is: Not now\.\n.*The watch is interrupted/s);
});

Deno.test("render --watch ends with 77 when the policy refuses a secret", async () => {
  await using place = await stage("{{ db/x#y }}");
  place.store.secrets.set("db/x", { y: "y" });
  place.store.failing = { status: 403, code: "forbidden" };
  const end = await runClectl(["render", `${place.file}.tmpl`, "--to", place.file, "--watch"], {
    variables: place.variables,
  });
  equal(end.status, 77, end.err);
});

Deno.test("watch prints changes, and ends with 0 when it is stopped", async () => {
  await using place = await stage("");
  const stop = new AbortController();
  const onOutput = (text: string) => void (text.split("\n").length > 2 && stop.abort());
  const options = { variables: place.variables, signal: stop.signal, onOutput };
  const running = runClectl(["watch", "db/", "-o", "json"], options);
  await eventually(() => Promise.resolve(place.store.streams.length === 1));
  place.store.change("db/a", {});
  place.store.change("db/b", {});
  const { status, out } = await running;
  deepEqual([status, out.trim().split("\n").map((text) => JSON.parse(text).path)], [0, ["db/a", "db/b"]]);
});

Deno.test("export prints what import reads, environments, and nothing if a secret cannot be read", async () => {
  await using place = await stage("");
  const { store, variables, file } = place;
  store.secrets.set("app/a", { USER: "u", PASSWORD: "it's" });
  store.secrets.set("app/b", { KEY: "k" });
  const json = await runClectl(["export", "app/"], { variables });
  deepEqual(JSON.parse(json.out).map(({ path }: { path: string }) => path), ["app/a", "app/b"]);
  await Deno.writeTextFile(`${file}.json`, json.out);
  const env = await runClectl(["export", "app/", "-o", "env", "--to", file], { variables });
  deepEqual([env.status, env.out, await Deno.readTextFile(file)], [0, "", "PASSWORD='it'\\''s'\nUSER='u'\nKEY='k'\n"]);
  store.secrets.set("app/c", { KEY: "twice" });
  const twice = await runClectl(["export", "app/", "-o", "env"], { variables });
  deepEqual([twice.status, twice.out], [64, ""]);
  const refused = await runClectl(["export", "app/"], { variables, showsOutput: true, typed: ["n"] });
  deepEqual([refused.status, refused.out], [1, ""]);
});
