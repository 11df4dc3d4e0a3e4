import { deepEqual, doesNotMatch, equal, match } from "node:assert/strict";
import { type ClectlTerminalOptions, runClectl } from "../../../../tests/support/clectl_terminal.ts";
import { answerJson, answerProblem, KeyringDouble, type Responder } from "../../../../tests/support/keyring_double.ts";
import { withoutHelp } from "../../../../tests/support/help_line.ts";

const value = "mysuprP@ssw0rd";

/** Runs one command against a server that answers as told. @returns the end of the command, and the requests. */
async function ran(line: string, respond: Responder, options: ClectlTerminalOptions = {}) {
  await using double = await KeyringDouble.start(respond);
  const variables = { CLECTL_ADDRESS: double.address, ...options.variables };
  const end = await runClectl(line.split(" "), { ...options, variables });
  return { ...end, requests: double.requests };
}

const written: Responder = (_, response) => answerJson(response, { path: "db/prod/john", version: 1 }, 201);

Deno.test("create sends the value of standard input, and says where it has been", async () => {
  const end = await ran("create db/prod/john --field password --stdin -o json", written, { stdin: `${value}\n` });
  deepEqual([end.status, end.out], [0, '{"path":"db/prod/john","version":1}\n']);
  match(end.err, /came over a pipe/);
  doesNotMatch(end.err + end.out, /mysupr/);
  const [request] = end.requests;
  deepEqual([request?.method, request?.url], ["POST", "/api/v1/secrets/db/prod/john"]);
  deepEqual(JSON.parse(request?.body ?? ""), { fields: { password: { kind: "text", value } } });
  equal(request?.headers["if-match"], undefined);
});

Deno.test("create asks twice on a terminal, shows nothing, and refuses two different values", async () => {
  const end = await ran("create db/prod/john -f password", written, { typed: [value, value] });
  deepEqual([end.status, end.err], [0, "Value of password in db/prod/john: \nThe same again: \n"]);
  const other = await ran("create db/prod/john -f password", written, { typed: [value, "b"] });
  deepEqual([other.status, other.requests.length], [64, 0]);
  match(other.err, /not the same\. Nothing was sent/);
});

Deno.test("create takes a file byte for byte, and a pipe of the shell", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/key`, Uint8Array.of(0xff, 10));
    const end = await ran(`create a -f key --kind bytes --file ${folder}/key`, written);
    deepEqual(JSON.parse(end.requests[0]?.body ?? ""), { fields: { key: { kind: "bytes", value: "/wo=" } } });
    match(end.err, /stays in .*key/);
    const text = await ran(`create a -f key --file ${folder}/key`, written);
    deepEqual([text.status, text.requests.length], [64, 0]);
    match(text.err, /not UTF-8 text: use --kind bytes/);
    const absent = await ran(`create a -f key --file ${folder}/none`, written);
    deepEqual([absent.status, absent.requests.length], [64, 0]);
    const folderItself = await ran(`create a -f key --file ${folder}`, written);
    deepEqual([folderItself.status, folderItself.requests.length], [64, 0]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("create sends JSON as it is written, and several fields at once", async () => {
  const json = await ran("create a -f n --kind json --stdin", written, { stdin: "[1.50, 12345678901234567890]" });
  match(json.requests[0]?.body ?? "", /"value":\[1\.50, 12345678901234567890\]/);
  const bad = await ran("create a -f n --kind json --stdin", written, { stdin: "{secret" });
  deepEqual([bad.status, bad.requests.length], [64, 0]);
  doesNotMatch(bad.err, /secret/);
  const several = await ran("create a --fields --stdin --labels team=db,x=", written, {
    stdin: '{"user":"j","n":[1]}',
  });
  deepEqual(JSON.parse(several.requests[0]?.body ?? ""), {
    fields: { user: { kind: "text", value: "j" }, n: { kind: "json", value: [1] } },
    labels: { team: "db", x: "" },
  });
});

for (
  const [line, why] of [
    ["create db/x --field password --value foo", /use --stdin/],
    ["create db/x --value=foo", /use --stdin/],
    ["--password foo create db/x", /use --stdin/],
    ["create db/x foo --field a --stdin", /takes no further word/],
    ["create db/x --field a", /use --stdin or --file FILE/],
    ["create db/x --stdin", /name of the field is missing/],
    ["create db/x --field a --stdin --file b", /two values/],
    ["create db/x --field a --field b --stdin", /--stdin is the value of one field.*--field-file NAME=FILE/],
    ["create db/x --field a --field a --stdin", /field a is given twice/],
    ["create db/x --field a --field-file a=b --stdin", /field a is given twice/],
    ["create db/x --field-file a=b --stdin", /name of the field is missing/],
    ["create db/x --field-file a", /--field-file takes NAME=FILE/],
    ["create db/x --fields --field-file a=b --stdin", /leave out --field/],
    ["create db/x --field a --stdin --label a=b --labels a=c", /label a is given twice/],
    ["patch db/x --label a=b --remove-label a", /label a is given twice/],
    ["patch db/x --field a --remove-field a --stdin", /field a is given twice/],
    ["patch db/x --stdin", /name of the field is missing/],
    ["get db/x db/x", /path db\/x is given twice/],
    ["get db/x db/y --at 2", /--at is the version of one path/],
    ["create db/x --field -a --stdin", /wants a value/],
    ["create db/x --field a/b --stdin", /name of a field has/],
    ["create db//x --field a --stdin", /a segment is empty/],
    ["create db/x --field a --stdin --expires soon", /takes a number and a unit/],
    ["create db/x --field a --stdin --labels a", /NAME=VALUE/],
    ["create db/x --field a --stdin --cas one", /whole number/],
    ["patch db/x", /Nothing is to be changed/],
    ["destroy db/x", /versions are missing/],
    ["destroy db/x --versions 1", /use --yes/],
    ["generate db/x --field a --type uuid --length 3", /--length is not for --type uuid/],
    ["generate db/x --field a --classes letters=3", /with the classes lowercase/],
    ["get db/x --dialect docker", /for -o env/],
    ["can eat db/x", /VERB is one of/],
  ] as const
) {
  Deno.test(`clectl ${line} ends with 64 before a connection is made`, async () => {
    const end = await ran(line, written);
    deepEqual([end.status, end.requests.length, end.out], [64, 0, ""], end.err);
    match(end.err, why);
    doesNotMatch(end.err, /foo/);
  });
}

Deno.test("create takes several fields from files and from the prompt, and says once for each where the value stays", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/ca.pem`, "CA\n");
    await Deno.writeTextFile(`${folder}/a=b.pem`, "B");
    const line = `create tls/web -f password --field-file ca=${folder}/ca.pem --field-file cert=${folder}/a=b.pem`;
    const end = await ran(line, written, { typed: [value, value] });
    equal(end.status, 0, end.err);
    deepEqual(JSON.parse(end.requests[0]?.body ?? ""), {
      fields: {
        password: { kind: "text", value },
        ca: { kind: "text", value: "CA\n" },
        cert: { kind: "text", value: "B" },
      },
    });
    equal(end.err.match(/stays in/g)?.length, 2);
    const prompts = await ran("create db/x -f a -f b", written, { typed: ["1", "1", "2", "2"] });
    deepEqual(JSON.parse(prompts.requests[0]?.body ?? "").fields, {
      a: { kind: "text", value: "1" },
      b: { kind: "text", value: "2" },
    });
    const both = await ran(`update tls/web -f a --stdin --field-file ca=${folder}/ca.pem`, written, { stdin: "1" });
    deepEqual(Object.keys(JSON.parse(both.requests[0]?.body ?? "").fields), ["a", "ca"]);
    const absent = await ran(`create db/x --field-file a=${folder}/none`, written);
    deepEqual([absent.status, absent.requests.length], [64, 0]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("labels and removals can be repeated, and a value of --label can have commas", async () => {
  const line = "patch a --label team=a,b --label tier=1 --labels x=1,y=2 --remove-label p --remove-label q";
  const end = await ran(`${line} --remove-field m --remove-field n`, written);
  equal(end.status, 0, end.err);
  deepEqual(JSON.parse(end.requests[0]?.body ?? ""), {
    fields: { m: null, n: null },
    labels: { team: "a,b", tier: "1", x: "1", y: "2", p: null, q: null },
  });
  const made = await ran("generate a -f b --label team=a,b", (_, response) => {
    answerJson(response, { path: "a", version: 1, fingerprint: "00112233445566aa" }, 201);
  });
  deepEqual(JSON.parse(made.requests[0]?.body ?? "").labels, { team: "a,b" });
});

Deno.test("an empty value is judged after the expected version", async () => {
  const history = {
    path: "db/x",
    id: "0".repeat(32),
    labels: {},
    currentVersion: 1,
    keptVersions: 10,
    createdAt: "t",
    updatedAt: "t",
    versions: [],
  };
  const end = await ran("update db/x -f a --stdin --cas 7", (_, response) => answerJson(response, history));
  deepEqual([end.status, end.requests.map(({ method }) => method)], [1, ["GET"]]);
  match(end.err, /"db\/x" has version 1, not 7\./);
  const right = await ran("update db/x -f a --stdin --cas 1", (_, response) => answerJson(response, history));
  deepEqual([right.status, right.requests.map(({ method }) => method)], [64, ["GET"]]);
  const allowed = await ran("update db/x -f a --stdin --allow-empty", written);
  deepEqual([allowed.status, allowed.requests[0]?.method], [0, "PUT"]);
});

Deno.test("update with another version ends with 1 and names the version", async () => {
  const end = await ran("update db/prod/john --field password --stdin --cas 7", (_, response) => {
    answerProblem(response, 412, "version_mismatch", '"db/prod/john" has version 1, not 7.', { version: 1 });
  }, { stdin: "y" });
  deepEqual([end.status, withoutHelp(end.err)], [1, 'clectl: "db/prod/john" has version 1, not 7.\n']);
  equal(end.requests[0]?.headers["if-match"], '"7"');
});

for (
  const [status, code, exit] of [
    [404, "not_found", 1],
    [409, "exists", 1],
    [400, "path_invalid", 64],
    [503, "kms_unavailable", 69],
    [500, "integrity", 70],
    [401, "unauthenticated", 77],
    [403, "forbidden", 77],
  ] as const
) {
  Deno.test(`the problem ${code} ends with ${exit}, and with a document for -o json`, async () => {
    const end = await ran("history a -o json", (_, response) => answerProblem(response, status, code, "Why."));
    equal(end.status, exit);
    const { ok, error } = JSON.parse(end.out);
    deepEqual([ok, error.code, error.causes], [false, code, []]);
    match(end.err, /^clectl: Why\./);
  });
}

Deno.test("patch changes fields, labels, expiry and kept versions", async () => {
  const line =
    "patch a -f b --stdin --remove-field c --labels d=e --remove-labels f,g --expires never --keep 3 --cas 2";
  const end = await ran(line, written, { stdin: "v" });
  deepEqual([end.requests[0]?.method, end.requests[0]?.headers["if-match"]], ["PATCH", '"2"']);
  deepEqual(JSON.parse(end.requests[0]?.body ?? ""), {
    fields: { b: { kind: "text", value: "v" }, c: null },
    labels: { d: "e", f: null, g: null },
    expiresAt: null,
    keptVersions: 3,
  });
  const removing = await ran("patch a --remove-field c", written);
  deepEqual(JSON.parse(removing.requests[0]?.body ?? ""), { fields: { c: null } });
});

Deno.test("generate prints path, version and fingerprint, and the entropy on stderr", async () => {
  const made = { path: "db/prod/app", version: 1, fingerprint: "00112233445566aa", bits: 196.5 };
  const end = await ran(
    "generate db/prod/app --field password --length 32 --classes digits=2,lowercase=1 --no-lookalikes -o json",
    (_, response) => answerJson(response, made, 201),
  );
  deepEqual(Object.keys(JSON.parse(end.out)).sort(), ["fingerprint", "path", "version"]);
  match(end.err, /The value has 196\.5 bits of entropy\./);
  deepEqual(JSON.parse(end.requests[0]?.body ?? ""), {
    field: "password",
    generator: { kind: "password", length: 32, classes: { digits: 2, lowercase: 1 }, excludeLookAlikes: true },
  });
});

for (
  const [options, bits, generator, sentence] of [
    [
      "--type passphrase --words 5 --separator _ --capitalize",
      5 * Math.log2(7776),
      { kind: "passphrase", words: 5, separator: "_", capitalize: true },
      "The value has 64.6 bits of entropy.",
    ],
    ["--type passphrase", 77.549, { kind: "passphrase" }, "The value has 77.5 bits of entropy."],
    ["--type uuid", 122, { kind: "uuid" }, "The value has 122 bits of entropy."],
    [
      "--type rsa --bits 4096 --key-format openssh",
      152,
      { kind: "rsa", bits: 4096, format: "openssh" },
      "The key pair has a security strength of 152 bits.",
    ],
  ] as const
) {
  Deno.test(`generate ${options} sends the specification, and prints the strength`, async () => {
    const made = { path: "a", version: 1, fingerprint: "00112233445566aa", bits };
    const end = await ran(`generate a -f b ${options}`, (_, response) => answerJson(response, made, 201));
    deepEqual(JSON.parse(end.requests[0]?.body ?? "").generator, generator);
    equal(end.err, `clectl: ${sentence}\n`);
  });
}

Deno.test("delete, undelete, destroy and move ask the server", async () => {
  const calls = [
    ["delete a --versions 1,2", "DELETE /api/v1/secrets/a?versions=1,2", ""],
    ["delete a", "DELETE /api/v1/secrets/a", ""],
    ["undelete a", "POST /api/v1/undelete/a", "{}"],
    ["destroy a --versions 1,3 --yes", "POST /api/v1/destroy/a", '{"versions":[1,3]}'],
    ["move a b/c", "POST /api/v1/move", '{"from":"a","to":"b/c"}'],
  ] as const;
  for (const [line, request, body] of calls) {
    const end = await ran(line, written);
    const [sent] = end.requests;
    deepEqual([end.status, `${sent?.method} ${sent?.url}`, sent?.body], [0, request, body], line);
  }
  const no = await ran("destroy a --versions 1", written, { typed: ["n"] });
  deepEqual([no.status, no.requests.length], [1, 0]);
  const yes = await ran("destroy a --versions 1", written, { typed: ["y"] });
  deepEqual([yes.status, yes.requests.length], [0, 1]);
});

const secret = {
  path: "db/prod/john",
  version: 2,
  createdAt: "2030-01-01T00:00:00.000Z",
  labels: {},
  fields: {
    password: { kind: "text", value: `${value}\u001b[2J` },
    blob: { kind: "bytes", value: "/wo=" },
    n: { kind: "json", value: { a: 1 } },
  },
};

function reading(...names: (keyof typeof secret.fields)[]): Responder {
  const fields = Object.fromEntries(names.map((name) => [name, secret.fields[name]]));
  return (_, response) => answerJson(response, { ...secret, fields });
}

Deno.test("get writes the bytes of a field to a pipe, and escapes control characters on a terminal", async () => {
  const piped = await ran("get db/prod/john -f password -o raw", reading("password"));
  equal(piped.out, `${value}\u001b[2J`);
  equal(piped.requests[0]?.url, "/api/v1/secrets/db/prod/john?field=password");
  const plain = await ran("get db/prod/john -f password --at 2", reading("password"));
  deepEqual([plain.out, plain.requests[0]?.url], [
    `${value}\u001b[2J`,
    "/api/v1/secrets/db/prod/john?version=2&field=password",
  ]);
  const shown = await ran("get db/prod/john -f password --show", reading("password"), { showsOutput: true, typed: [] });
  equal(shown.out, `${value}\\u001b[2J\n`);
  const table = await ran("get db/prod/john --show", reading("password", "blob"), { showsOutput: true, typed: [] });
  match(table.out, /password +text +mysuprP@ssw0rd\\u001b\[2J/);
  match(table.out, /blob +bytes +\(2 bytes\)/);
  const json = await ran("get db/prod/john -o json --show", reading("password"), { showsOutput: true, typed: [] });
  equal(JSON.parse(json.out).fields.password.value, `${value}\u001b[2J`);
  equal(json.out.includes("\u001b"), false);
});

Deno.test("get asks on a terminal before it reads", async () => {
  const no = await ran("get db/prod/john", reading("password"), { showsOutput: true, typed: ["n"] });
  deepEqual([no.status, no.requests.length, no.out], [1, 0, ""]);
  const yes = await ran("get db/prod/john", reading("password"), { showsOutput: true, typed: ["y"] });
  deepEqual([yes.status, yes.requests.length], [0, 1]);
  const mute = await ran("get db/prod/john", reading("password"), { showsOutput: true });
  deepEqual([mute.status, mute.requests.length], [64, 0]);
  match(mute.err, /use --show/);
});

Deno.test("get prints JSON, YAML and an environment, and refuses raw for several fields", async () => {
  const json = await ran("get db/prod/john -o json", reading("password", "blob", "n"));
  deepEqual(JSON.parse(json.out), secret);
  const yaml = await ran("get db/prod/john -o yaml", reading("n"));
  match(yaml.out, /n:\n {4}kind: json\n {4}value:\n {6}a: 1\n/);
  const fields = { odd: { ...secret.fields.password, value: "a\u0085\u2028b" } };
  const odd = await ran("get db/prod/john -o yaml", (_, response) => answerJson(response, { ...secret, fields }));
  match(odd.out, /value: "a\\u0085\\u2028b"\n/);
  const env = await ran("get db/prod/john -o env", reading("n"));
  equal(env.out, `n='{"a":1}'\n`);
  const raw = await ran("get db/prod/john -o raw", reading("n", "blob"));
  deepEqual([raw.status, raw.out], [64, ""]);
});

Deno.test("get reads several fields one by one, of the same version", async () => {
  const respond: Responder = ({ url }, response) => {
    const field = new URL(url, "http://x").searchParams.get("field") as keyof typeof secret.fields;
    answerJson(response, { ...secret, fields: { [field]: secret.fields[field] } });
  };
  const end = await ran("get db/prod/john -f n -f password -o json", respond);
  deepEqual(end.requests.map(({ url }) => url), [
    "/api/v1/secrets/db/prod/john?field=n",
    "/api/v1/secrets/db/prod/john?version=2&field=password",
  ]);
  deepEqual(Object.keys(JSON.parse(end.out).fields), ["n", "password"]);
  const raw = await ran("get db/prod/john -f n -f password -o raw", respond);
  deepEqual([raw.status, raw.out], [64, ""]);
  match((await ran("get db/prod/john -f n -f blob", respond)).out, /^FIELD +KIND +VALUE\nn +json/);
});

Deno.test("get reads several paths at once, and prints nothing if one cannot be read", async () => {
  const secrets = ["a", "b/c"].map((path) => ({
    path,
    secret: { ...secret, path, fields: { n: secret.fields.n } },
  }));
  const end = await ran("get a b/c -o json", (_, response) => answerJson(response, { secrets }));
  deepEqual([end.requests.length, JSON.parse(end.requests[0]?.body ?? "")], [1, { paths: ["a", "b/c"] }]);
  deepEqual(JSON.parse(end.out).map(({ path }: { path: string }) => path), ["a", "b/c"]);
  const table = await ran("get a b/c", (_, response) => answerJson(response, { secrets }));
  match(table.out, /^PATH +FIELD +KIND +VALUE\na +n +json.*\nb\/c +n +json/);
  const twice = await ran("get a b/c -o env", (_, response) => answerJson(response, { secrets }));
  deepEqual([twice.status, twice.out], [64, ""]);
  const problem = { type: "urn:trousseau:problem:not_found", title: "x", status: 404, detail: 'There is no "b/c".' };
  const absent = await ran("get a b/c", (_, response) => {
    answerJson(response, { secrets: [secrets[0], { path: "b/c", problem }] });
  });
  deepEqual([absent.status, absent.out, absent.err], [1, "", 'clectl: There is no "b/c".\n']);
});

Deno.test("list prints an array of objects, page by page, and below with --recursive", async () => {
  const pages: Readonly<Record<string, unknown>> = {
    "/api/v1/list/db/": { entries: [{ path: "db/prod/" }], more: true },
    "/api/v1/list/db/?after=db%2Fprod%2F": { entries: [{ path: "db/x", version: 3, updatedAt: "t" }], more: false },
    "/api/v1/list/db/prod/": { entries: [{ path: "db/prod/john", version: 1 }], more: false },
    "/api/v1/list/": { entries: [], more: false },
  };
  const respond: Responder = ({ url }, response) => answerJson(response, pages[url] ?? {});
  const flat = await ran("list db/ -o json", respond);
  deepEqual(JSON.parse(flat.out).map(({ path }: { path: string }) => path), ["db/prod/", "db/x"]);
  const deep = await ran("list db -r -o json", respond);
  deepEqual(JSON.parse(deep.out).map(({ path }: { path: string }) => path), ["db/prod/john", "db/x"]);
  deepEqual([(await ran("list -o json", respond)).out], ["[]\n"]);
  match((await ran("list db/", respond)).out, /^PATH +VERSION.*\ndb\/prod\/\ndb\/x +3 +t\n$/);
});

Deno.test("diff names fields, never values, and ends with 1 if one differs", async () => {
  const found = { added: ["b"], removed: [], changed: ["a"], same: ["c"] };
  const end = await ran("diff p --from 1 --to 3", (_, response) => answerJson(response, found));
  deepEqual([end.status, end.requests[0]?.url], [1, "/api/v1/diff/p?from=1&to=3"]);
  match(end.out, /b +added\na +changed\n/);
  const none = { added: [], removed: [], changed: [], same: ["c"] };
  const same = await ran("diff p --from 1 --to 3 -o json", (_, response) => answerJson(response, none));
  deepEqual([same.status, JSON.parse(same.out)], [0, { path: "p", from: 1, to: 3, ...none }]);
});
