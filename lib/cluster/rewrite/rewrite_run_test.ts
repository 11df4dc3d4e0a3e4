import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { ApiServerDouble, type DoubleFault, statusAnswer, tableOf } from "../../../tests/support/api_server_double.ts";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { systemClock } from "../../base/clock.ts";
import { ApiServerClient } from "../apiserver/api_server_client.ts";
import { collectionsOf, rewriteCall, type RewriteOptions, RewriteRun } from "./rewrite_run.ts";
import { RewriteStateFile } from "./rewrite_state.ts";

const verbs = ["list", "patch"];
const secrets = { group: "", version: "v1", name: "secrets", namespaced: true, verbs };
const configmaps = { ...secrets, name: "configmaps" };

type Changed = Partial<Pick<RewriteOptions, "api" | "keyId" | "resources" | "signal" | "rate" | "onProgress">>;

/** A run with a state file, and the clock of the machine without its pauses. */
async function withRun<T>(
  double: ApiServerDouble,
  folder: string,
  work: (run: RewriteRun, go: () => Promise<void>) => Promise<T>,
  changed: Changed = {},
): Promise<T> {
  const clock = { ...systemClock, sleep: () => new Promise<void>((resolve) => setTimeout(resolve, 0)) };
  using client = await ApiServerClient.open(double.access, "rewrite");
  using file = await RewriteStateFile.open(folder);
  const signal = new AbortController().signal;
  const given = {
    client,
    clock,
    signal,
    resources: [configmaps, secrets],
    api: "v2",
    keyId: "t1-new",
    rate: 100_000,
    file,
  };
  const options: RewriteOptions = { ...given, api: "v2", ...changed };
  const run = await RewriteRun.open(options);
  const collections = await collectionsOf(rewriteCall(options), options.resources);
  return await work(run, () => run.run(collections));
}

function fill(double: ApiServerDouble): void {
  double.put("configmaps", "b", "one");
  double.put("secrets", "a", ...Array.from({ length: 120 }, (_, at) => `s-${at}`));
  double.put("secrets", "b", "x", "y");
}

const stateOf = (folder: string) => Deno.readTextFile(`${folder}/rewrite.json`).catch(() => undefined);

Deno.test("RewriteRun.run() patches every object with {}, asks for Tables only, and removes its state file", () =>
  inFolder(async (folder) => {
    await using double = await ApiServerDouble.open();
    fill(double);
    await withRun(double, folder, async ({ progress }, go) => {
      await go();
      deepEqual(progress.counts, [
        { resource: "configmaps", objects: 1, written: 1, gone: 0, refused: 0 },
        { resource: "secrets", objects: 122, written: 122, gone: 0, refused: 0 },
      ]);
    });
    deepEqual(double.stale, []);
    for (const { accept, query, body, method } of double.requests) {
      equal(accept, "application/json;as=Table;g=meta.k8s.io;v=v1");
      equal(query.get("includeObject"), "None");
      if (method === "PATCH") deepEqual(body, {});
    }
    equal(await stateOf(folder), undefined);
    await withRun(double, folder, async ({ progress }, go) => {
      await go();
      deepEqual(progress.counts.map(({ written }) => written), [0, 0]);
    });
  }));

/** Answers the first `times` requests that match by a fault. */
function first(times: number, matches: DoubleFault): DoubleFault {
  return (request) => {
    const fault = times > 0 ? matches(request) : undefined;
    if (fault !== undefined) times--;
    return fault;
  };
}

const patches = (fault: ReturnType<DoubleFault>): DoubleFault => ({ method }) => method === "PATCH" ? fault : undefined;

const passing: readonly (readonly [what: string, fault: DoubleFault])[] = [
  ["409", first(4, patches(statusAnswer(409, "the object has been modified")))],
  ["429 with Retry-After", first(11, patches(statusAnswer(429, "too many requests", { "retry-after": "1" })))],
  ["503", first(11, patches(statusAnswer(503, "starting")))],
  ["500", first(4, patches(statusAnswer(500, "etcdserver: leader changed")))],
  ["a reset connection", first(3, patches("reset"))],
  [
    "410 in the middle of a list",
    first(1, ({ query }) => query.has("continue") ? statusAnswer(410, "gone") : undefined),
  ],
];

for (const [what, fault] of passing) {
  Deno.test(`RewriteRun.run() goes on after ${what}`, () =>
    inFolder(async (folder) => {
      await using double = await ApiServerDouble.open();
      double.put("secrets", "a", ...Array.from({ length: 501 }, (_, at) => `s-${at}`));
      double.fault = fault;
      await withRun(double, folder, async ({ progress }, go) => {
        await go();
        deepEqual([progress.refusals, progress.finished], [[], 501]);
      });
      deepEqual(double.stale, []);
    }));
}

Deno.test("RewriteRun.run() counts refusals with name and sentence, and goes on", () =>
  inFolder(async (folder) => {
    await using double = await ApiServerDouble.open();
    fill(double);
    const denied = 'admission webhook "policy.example" denied the request: no';
    double.fault = ({ method, path }) => {
      if (method === "GET" && path === "/api/v1/namespaces/b/secrets") return statusAnswer(403, "secrets is forbidden");
      if (path.endsWith("/s-7")) return statusAnswer(422, `denied: ${"x".repeat(400)}`);
      if (path.endsWith("/s-8")) return statusAnswer(403, denied);
      if (path.endsWith("/s-9")) return statusAnswer(500, "failed calling webhook");
      if (path.endsWith("/s-6")) return statusAnswer(404, "gone");
      if (path.endsWith("/s-5")) double.objects.delete("secrets/a/s-5");
      return undefined;
    };
    await withRun(double, folder, async ({ progress }, go) => {
      await go();
      deepEqual(progress.counts[1], { resource: "secrets", objects: 115, written: 115, gone: 1, refused: 5 });
      const refused = progress.refusals.map((
        { namespace, name, sentence },
      ) => [namespace, name, sentence.slice(0, 60)]);
      deepEqual(refused.toSorted(), [
        ["a", "s-6", "the API server lists it, and answers 404 to its patch"],
        ["a", "s-7", `denied: ${"x".repeat(52)}`],
        ["a", "s-8", denied.slice(0, 60)],
        ["a", "s-9", "failed calling webhook"],
        ["b", "", "secrets is forbidden"],
      ]);
      equal(progress.refusals.find(({ name }) => name === "s-7")?.sentence.length, 302);
    });
    equal(await stateOf(folder), undefined);
  }));

for (const name of ["storageclasses.storage.k8s.io", "ingressclasses.networking.k8s.io", "clusterroles.rbac"]) {
  Deno.test(`RewriteRun.run() patches the objects of ${name} by their own names`, () =>
    inFolder(async (folder) => {
      await using double = await ApiServerDouble.open();
      const [resource = "", ...group] = name.split(".");
      const path = `/apis/${group.join(".")}/v1/${resource}`;
      const isClass = resource.endsWith("classes");
      // kube-apiserver marks a default class in the cell of its name.
      const object = isClass ? "standard" : "standard (default)";
      double.fault = (request) => {
        if (request.path === path) return { status: 200, body: tableOf(["fast", "standard (default)"]) };
        const isKnown = ["fast", object].some((one) => request.path === `${path}/${encodeURIComponent(one)}`);
        return isKnown ? { status: 200, body: tableOf([object], { resourceVersion: "101" }) } : undefined;
      };
      const resources = [{ group: group.join("."), version: "v1", name: resource, namespaced: false, verbs }];
      await withRun(double, folder, async ({ progress }, go) => {
        await go();
        deepEqual(progress.counts, [{ resource: name, objects: 2, written: 0, gone: 0, refused: 0 }]);
      }, { resources });
    }));
}

Deno.test("RewriteRun.run() patches an object that was created anew, and ends if 404 cannot be explained", () =>
  inFolder(async (folder) => {
    await using double = await ApiServerDouble.open();
    double.put("secrets", "a", "one");
    double.fault = first(1, patches(statusAnswer(404, "gone")));
    await withRun(double, folder, async ({ progress }, go) => {
      await go();
      deepEqual(progress.counts[1], { resource: "secrets", objects: 1, written: 1, gone: 0, refused: 0 });
    });
    double.fault = ({ method, query }) => {
      if (method === "PATCH") return statusAnswer(404, "gone");
      return query.has("fieldSelector") ? statusAnswer(401, "no") : undefined;
    };
    await rejects(withRun(double, folder, (_, go) => go()), { code: "unauthenticated" });
    double.fault = ({ method, query }) => {
      if (method === "PATCH") return statusAnswer(404, "gone");
      return query.has("fieldSelector") ? statusAnswer(403, "secrets is forbidden") : undefined;
    };
    await withRun(double, folder, async ({ progress }, go) => {
      await go();
      deepEqual(progress.refusals.map(({ sentence }) => sentence), ["secrets is forbidden"]);
    });
  }));

const ending: readonly (readonly [what: string, fault: DoubleFault, code: string])[] = [
  [
    "an answer that is an object",
    patches({ status: 200, body: { kind: "Secret", data: { a: "czNjcmV0" } } }),
    "provider_protocol",
  ],
  [
    "a list of objects",
    ({ path }) => path.endsWith("/a/secrets") ? { status: 200, body: { items: [] } } : undefined,
    "provider_protocol",
  ],
  ["credentials that are not accepted", patches(statusAnswer(401, "Unauthorized")), "unauthenticated"],
  ["an API server that throttles on and on", patches(statusAnswer(429, "too many requests")), "throttled"],
  ["an API server that fails at every object", patches(statusAnswer(500, "no")), "unreachable"],
  [
    "an API server that fails at ten objects in a row",
    ({ method, path }) => method === "PATCH" && /\/s-2\d$/.test(path) ? statusAnswer(500, "no") : undefined,
    "unreachable",
  ],
  ["connections that are reset on and on", patches("reset"), "unreachable"],
  [
    "namespaces that may not be listed",
    ({ path }) => path === "/api/v1/namespaces" ? statusAnswer(403, "no") : undefined,
    "permission_denied",
  ],
];

for (const [what, fault, code] of ending) {
  Deno.test(`RewriteRun.run() ends at ${what}, and the next run completes`, () =>
    inFolder(async (folder) => {
      await using double = await ApiServerDouble.open();
      fill(double);
      double.fault = fault;
      await rejects(withRun(double, folder, (_, go) => go(), { resources: [secrets] }), (thrown: { code?: string }) => {
        equal(thrown.code, code, String(thrown));
        return !/czNjcmV0/.test(String(thrown));
      });
      double.fault = () => undefined;
      await withRun(double, folder, (_, go) => go(), { resources: [secrets] });
      deepEqual(double.stale, ["configmaps/b/one"]);
    }));
}

Deno.test("RewriteRun goes on behind the last object of an ended run, with its counts", () =>
  inFolder(async (folder) => {
    await using double = await ApiServerDouble.open();
    fill(double);
    const stop = new AbortController();
    const onProgress: RewriteOptions["onProgress"] = ({ finished }) => void (finished >= 70 && stop.abort());
    await rejects(withRun(double, folder, (_, go) => go(), { signal: stop.signal, onProgress }), { code: "cancelled" });
    double.requests.length = 0;
    await withRun(double, folder, async (run, go) => {
      equal(run.isResumed, true);
      await go();
      equal(run.progress.finished, 123);
    });
    deepEqual(double.stale, []);
    const patched = double.requests.filter(({ method }) => method === "PATCH").length;
    // At the abort up to 15 objects behind the 70th are done.
    equal(patched >= 38 && patched <= 53, true, `${patched}`);
  }));

for (const at of [1, 49, 60, 119]) {
  Deno.test(`RewriteRun that goes on after ${at} objects counts a refused namespace once`, () =>
    inFolder(async (folder) => {
      await using double = await ApiServerDouble.open();
      double.put("secrets", "0");
      fill(double);
      double.put("secrets", "c", "one");
      const refused = ["/api/v1/namespaces/0/secrets", "/api/v1/namespaces/b/secrets"];
      const refuses: DoubleFault = ({ path }) => refused.includes(path) ? statusAnswer(403, "forbidden") : undefined;
      // The last object is not done before the abort.
      double.fault = (request) => request.path.endsWith("/c/secrets/one") ? "hang" : refuses(request);
      const stop = new AbortController();
      const onProgress: RewriteOptions["onProgress"] = ({ finished }) => void (finished > at && stop.abort());
      const resources = [secrets];
      const ended = withRun(double, folder, (_, go) => go(), { signal: stop.signal, onProgress, resources });
      await rejects(ended, { code: "cancelled" });
      double.fault = refuses;
      await withRun(double, folder, async ({ progress }, go) => {
        await go();
        deepEqual(progress.counts.map(({ objects, refused }) => [objects, refused]), [[121, 2]]);
        deepEqual(progress.refusals.map(({ namespace }) => namespace), ["0", "b"]);
      }, { resources });
    }));
}

Deno.test("RewriteRun finds its place among 10,000 collections at once", () =>
  inFolder(async (folder) => {
    await using double = await ApiServerDouble.open();
    const names = Array.from({ length: 10_000 }, (_, at) => `n-${`${at}`.padStart(4, "0")}`);
    double.put("secrets", "n-9999", "one", "two");
    const cursor = { resource: "secrets", namespace: "n-9999", name: "one" };
    const state = { server: double.origin, api: "v2", keyId: "t1-new", resources: ["secrets"], cursor };
    const rest = { annotation: "rewrite.trousseau/0123456789abcdef", pending: [], counts: [], refusals: [] };
    await Deno.writeTextFile(`${folder}/rewrite.json`, JSON.stringify({ format: 1, ...state, ...rest }));
    await withRun(double, folder, async (run) => {
      const collections = names.map((namespace) => ({ resource: secrets, namespace }));
      const began = performance.now();
      await run.run(collections);
      equal(performance.now() - began < 1_000, true, "one pass takes some milliseconds, 10,000 take many seconds");
      deepEqual(double.stale, ["secrets/n-9999/one"]);
    }, { resources: [secrets] });
  }));

Deno.test("RewriteRun begins anew for another key ID, and refuses a second run beside it and a damaged file", () =>
  inFolder(async (folder) => {
    await using double = await ApiServerDouble.open();
    fill(double);
    const stop = new AbortController();
    const onProgress: RewriteOptions["onProgress"] = ({ finished }) => void (finished >= 70 && stop.abort());
    await rejects(withRun(double, folder, (_, go) => go(), { signal: stop.signal, onProgress }));
    await withRun(double, folder, (run) => Promise.resolve(equal(run.isResumed, false)), { keyId: "t1-newer" });
    {
      using _held = await RewriteStateFile.open(folder);
      await rejects(withRun(double, folder, (_, go) => go()), { code: "config", message: /Another rewrite uses/ });
    }
    await Deno.writeTextFile(`${folder}/rewrite.json`, '{"format":1,"server":"x"}');
    await rejects(withRun(double, folder, (_, go) => go()), {
      code: "config",
      message: /the file is damaged; remove it/,
    });
  }));

Deno.test("over v1beta1 each object gets an annotation that is taken away, also by the run after an ended one", () =>
  inFolder(async (folder) => {
    await using double = await ApiServerDouble.open();
    double.storesAlways = true;
    fill(double);
    const changed = { api: "v1beta1", keyId: null } as const;
    // The connection is lost for good after some annotations were set.
    let set = 0;
    double.fault = ({ method, body }) => {
      const isRemoval = JSON.stringify(body ?? "").includes(":null");
      if (method === "PATCH" && !isRemoval) set++;
      return set > 60 && isRemoval ? "reset" : undefined;
    };
    await rejects(withRun(double, folder, (_, go) => go(), changed), { code: "unreachable" });
    equal(double.annotated.length > 0, true);
    const { pending, annotation } = JSON.parse(await stateOf(folder) ?? "");
    match(annotation, /^rewrite\.trousseau\/[0-9a-f]{16}$/);
    const names = pending.map((one: Record<string, string>) => `${one["resource"]}/${one["namespace"]}/${one["name"]}`);
    deepEqual(double.annotated.filter((id) => !names.includes(id)), []);
    double.fault = () => undefined;
    // No key ID tells whether the key was rotated in between: the run begins anew.
    double.keyId = "t1-newer";
    await withRun(double, folder, async ({ isResumed, progress }, go) => {
      deepEqual([double.annotated, isResumed], [[], false]);
      await go();
      equal(progress.finished, 123);
    }, changed);
    deepEqual([double.stale, double.annotated], [[], []]);
  }));

Deno.test("over v1beta1 a refused removal is counted with the annotation, and a refused annotation is not removed", () =>
  inFolder(async (folder) => {
    await using double = await ApiServerDouble.open();
    double.storesAlways = true;
    double.put("secrets", "a", "one", "two");
    double.fault = ({ method, path, body }) => {
      const isRemoval = JSON.stringify(body ?? "").includes(":null");
      return method === "PATCH" && path.endsWith("/two") === !isRemoval ? statusAnswer(403, "denied") : undefined;
    };
    await withRun(double, folder, async ({ progress }, go) => {
      await go();
      const [one, two] = progress.refusals.toSorted((a, b) => a.name < b.name ? -1 : 1);
      match(one?.sentence ?? "", /^it may have the annotation rewrite\.trousseau\/[0-9a-f]{16} still: denied$/);
      equal(two?.sentence, "denied");
    }, { api: "v1beta1", keyId: null });
    deepEqual(double.annotated, ["secrets/a/one"]);
  }));

Deno.test("RewriteRun does not take annotations away in another cluster or from a resource that is not named", () =>
  inFolder(async (folder) => {
    await using double = await ApiServerDouble.open();
    fill(double);
    const name = { resource: "secrets", namespace: "a", name: "s-1" };
    const annotation = "rewrite.trousseau/0123456789abcdef";
    const state = (server: string, text = annotation) =>
      Deno.writeTextFile(
        `${folder}/rewrite.json`,
        JSON.stringify({
          format: 1,
          server,
          api: "v1beta1",
          keyId: null,
          resources: ["secrets"],
          annotation: text,
          cursor: null,
          pending: [name],
          counts: [],
          refusals: [],
        }),
      );
    await state("https://other");
    await rejects(withRun(double, folder, (_, go) => go()), {
      code: "config",
      message: /^A rewrite at https:\/\/other /,
    });
    await state(double.origin);
    const other = { resources: [configmaps] };
    await rejects(withRun(double, folder, (_, go) => go(), other), { code: "config", message: /^secrets of an ended/ });
    await state(double.origin, "kubectl.kubernetes.io/last-applied-configuration");
    await rejects(withRun(double, folder, (_, go) => go()), { code: "config", message: /the file is damaged/ });
    equal(double.requests.some(({ method }) => method === "PATCH"), false);
  }));
