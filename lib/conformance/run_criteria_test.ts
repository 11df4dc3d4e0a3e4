import assert from "node:assert/strict";
import { PluginDouble } from "../../tests/support/plugin_double.ts";
import { pause } from "../../tests/support/processes.ts";
import { hex } from "../base/bytes.ts";
import { KmsError } from "../base/errors.ts";
import { criteria, type PluginCriterion } from "./criteria.ts";
import { Subject } from "./subject.ts";
import { Untried } from "./verdict.ts";
import { byHand, criterionNames, endsAtChange, signal } from "../../tests/support/conformance_run.ts";

type Mutant = (plugin: PluginDouble) => void;

const zeros = new Uint8Array(32);

const refuse = () => {
  throw new KmsError("unreachable", "Not now.");
};

/** Fails if more than a few calls are in progress at once. */
function crowded() {
  let calls = 0;
  return async (_: unknown, sound: () => unknown) => {
    calls++;
    await pause(5);
    if (calls > 10) setTimeout(() => calls--, 1);
    else calls--;
    return calls > 10 ? refuse() : sound();
  };
}

/** Returns the same response for equal requests. */
function always(part: string) {
  const known = new Map<string, unknown>();
  return (request: Record<string, Uint8Array>, sound: () => unknown) => {
    const key = hex(request[part] ?? zeros);
    if (!known.has(key)) known.set(key, sound());
    return known.get(key);
  };
}

/** Returns a response instead of each failure. */
function instead(answer: () => unknown) {
  return (_: unknown, sound: () => unknown) => {
    try {
      return sound();
    } catch {
      return answer();
    }
  };
}

/** Decrypts every request to the last sealed plaintext. */
function careless(
  seal: "v2 Encrypt" | "v1beta1 Encrypt",
  open: "v2 Decrypt" | "v1beta1 Decrypt",
  field: string,
): Mutant {
  return (plugin) => {
    let last: unknown;
    plugin.overrides[seal] = (request, sound) => {
      last = request[field];
      return sound();
    };
    plugin.overrides[open] = instead(() => ({ [field]: last }));
  };
}

const changesStatus = (part: object): Mutant => ({ overrides }) => {
  overrides["v2 Status"] = (_, sound) => ({ ...sound(), ...part });
};

/** At least one plugin for each criterion that can be tried. */
const mutants: { readonly [Name in PluginCriterion]?: Readonly<Record<string, Mutant>> } = {
  "Status says version v2 or v2beta1, and a key_id of 1 to 1,024 bytes": {
    "of version v1": changesStatus({ version: "v1" }),
    "without a key_id": changesStatus({ key_id: "" }),
    "whose key_id is too long": changesStatus({ key_id: "x".repeat(1025) }),
  },
  "Status says that it is well": {
    "that is unwell": changesStatus({ healthz: "no KMS" }),
    "that says nothing": changesStatus({ healthz: "" }),
  },
  "Status says the same to everybody": {
    "that counts": (plugin) => {
      let calls = 0;
      plugin.overrides["v2 Status"] = (_, sound) => ({ ...sound(), key_id: `${calls++}` });
    },
  },
  "Status answers within a second": {
    "that asks its KMS": (plugin) => {
      let calls = 0;
      plugin.overrides["v2 Status"] = async (_, sound) => (calls++ === 7 && await pause(1100), sound());
    },
  },
  "Encrypt uses the key_id that Status announces": {
    "that is ahead of itself": ({ overrides }) => {
      overrides["v2 Encrypt"] = (_, sound) => ({ ...sound(), key_id: "next" });
    },
  },
  "what Encrypt gives is within kube-apiserver's limits": {
    "whose ciphertext is too long": ({ overrides }) => {
      overrides["v2 Encrypt"] = (_, sound) => ({ ...sound(), ciphertext: new Uint8Array(1025) });
    },
    "whose annotation is no domain name": ({ overrides }) => {
      overrides["v2 Encrypt"] = (_, sound) => ({ ...sound(), annotations: { Nonce: zeros } });
    },
    "with too many annotations": ({ overrides }) => {
      overrides["v2 Encrypt"] = (_, sound) => ({ ...sound(), annotations: { "a.b": new Uint8Array(33_000) } });
    },
  },
  "a seed of 32 bytes comes back": {
    "that gives back zeros": ({ overrides }) => {
      overrides["v2 Decrypt"] = () => ({ plaintext: zeros });
    },
    "that does not open": ({ overrides }) => {
      overrides["v2 Decrypt"] = refuse;
    },
  },
  "47, 64 and 128 bytes come back": {
    "that pads": ({ overrides }) => {
      overrides["v2 Decrypt"] = (_, sound) => ({
        plaintext: Uint8Array.of(...sound().plaintext, ...zeros).slice(0, 32),
      });
    },
  },
  "two ciphertexts of one plaintext differ": {
    "that is deterministic": ({ overrides }) => {
      overrides["v2 Encrypt"] = always("plaintext");
    },
  },
  "a changed ciphertext never opens to other bytes": {
    "that answers something": ({ overrides }) => {
      overrides["v2 Decrypt"] = instead(() => ({ plaintext: zeros }));
    },
  },
  "a changed ciphertext is refused": { "that overlooks it": careless("v2 Encrypt", "v2 Decrypt", "plaintext") },
  "a foreign key_id never opens to other bytes": {
    "that answers something": ({ overrides }) => {
      overrides["v2 Decrypt"] = instead(() => ({ plaintext: zeros }));
    },
  },
  "a foreign key_id is refused": {
    "that ignores it": (plugin) => {
      plugin.overrides["v2 Decrypt"] = (request) => {
        return { plaintext: plugin.keys.decrypt({ ...request, key_id: plugin.keys.current }) };
      };
    },
  },
  "changed annotations never open to other bytes": {
    "that answers something": ({ overrides }) => {
      overrides["v2 Decrypt"] = instead(() => ({ plaintext: zeros }));
    },
  },
  "changed annotations are refused": {
    "that overlooks it": (plugin) => {
      const known = new Map<string, Uint8Array>();
      plugin.overrides["v2 Encrypt"] = (request, sound) => {
        const answer = sound();
        known.set(hex(answer.ciphertext), request.plaintext);
        return answer;
      };
      plugin.overrides["v2 Decrypt"] = (request) => ({ plaintext: known.get(hex(request.ciphertext)) ?? refuse() });
    },
  },
  "no changed request ends the plugin": {
    "that is careless": (plugin) => endsAtChange(plugin, "v2", "ciphertext"),
  },
  "what is refused is refused by a code, and not by UNKNOWN": {
    "that knows none": (plugin) => void (plugin.knowsCodes = false),
    "that calls everything an outage": ({ overrides }) => {
      overrides["v2 Decrypt"] = instead(refuse);
    },
  },
  "calls at once each get their own answer": {
    "that loses some": (plugin) => void (plugin.overrides["v2 Decrypt"] = crowded()),
    "that mixes them up": (plugin) => {
      let last = zeros;
      plugin.overrides["v2 Decrypt"] = async (_, sound) => {
        last = sound().plaintext;
        await pause(5);
        return { plaintext: last };
      };
    },
  },
  "two clients are served, and one that leaves disturbs nobody": {
    "for one client": ({ overrides }) => {
      overrides["v2 Encrypt"] = (_, sound, { session }) => session > 2 ? refuse() : sound();
    },
    "that binds what it seals to the client": ({ overrides }) => {
      let sealer = 0;
      overrides["v2 Encrypt"] = (_, sound, { session }) => (sealer ||= session, sound());
      overrides["v2 Decrypt"] = (_, sound, { session }) => session === sealer ? sound() : refuse();
    },
  },
  "calls that are given up cost nobody anything": {
    "that breaks": (plugin) => {
      plugin.overrides["v2 Decrypt"] = async (_, sound, { signal: gone }) => {
        let answered = false;
        const leave = () => {
          if (!answered) plugin.fault = { kind: "status", code: 13 };
        };
        if (gone.aborted) leave();
        gone.addEventListener("abort", leave);
        // Long compared to the delays of a busy machine, so that some of the calls are cancelled during it.
        await pause(200);
        answered = true;
        return sound();
      };
    },
  },
  ":authority may be the socket's path, as kube-apiserver 1.29 to 1.31 sends it": {
    "that wants another": ({ overrides }) => {
      overrides["v2 Status"] = (_, sound, { authority }) => authority === "localhost" ? sound() : refuse();
    },
  },
  "Encrypt and Decrypt answer within 3 seconds": {
    "that takes its time": ({ overrides }) => {
      overrides["v2 Encrypt"] = async (_, sound) => (await pause(3100), sound());
    },
  },
  "all is well after all that": {
    "that is unwell": (plugin) => void (plugin.fault = { kind: "unwell", healthz: "tired" }),
  },
  "Version says v1beta1": {
    "of another version": ({ overrides }) => {
      overrides["v1beta1 Version"] = () => ({ version: "v1", runtime_name: "", runtime_version: "" });
    },
  },
  "a v1beta1 ciphertext has 1 to 65,535 bytes": {
    "that is empty": ({ overrides }) => {
      overrides["v1beta1 Encrypt"] = () => ({ cipher: new Uint8Array() });
    },
    "that is too long": ({ overrides }) => {
      overrides["v1beta1 Encrypt"] = () => ({ cipher: new Uint8Array(65_536) });
    },
  },
  "4 and 32 bytes come back over v1beta1": {
    "that takes no ping": ({ overrides }) => {
      overrides["v1beta1 Encrypt"] = (request, sound) => request.plain.length < 16 ? refuse() : sound();
    },
  },
  "two v1beta1 ciphertexts of one plaintext differ": {
    "that is deterministic": ({ overrides }) => {
      overrides["v1beta1 Encrypt"] = always("plain");
    },
  },
  "a changed v1beta1 ciphertext never opens to other bytes": {
    "that answers something": ({ overrides }) => {
      overrides["v1beta1 Decrypt"] = instead(() => ({ plain: zeros }));
    },
  },
  "a changed v1beta1 ciphertext is refused": {
    "that overlooks it": careless("v1beta1 Encrypt", "v1beta1 Decrypt", "plain"),
  },
  "no changed v1beta1 request ends the plugin": {
    "that is careless": (plugin) => endsAtChange(plugin, "v1beta1", "cipher"),
  },
  "what is refused over v1beta1 is refused by a code": {
    "that knows none": (plugin) => void (plugin.knowsCodes = false),
  },
  "v1beta1 calls at once each get their own answer": {
    "that loses some": (plugin) => void (plugin.overrides["v1beta1 Decrypt"] = crowded()),
  },
};

/** A criterion that must have been tried before the codes of refusals can be evaluated. */
const before: { readonly [Name in PluginCriterion]?: PluginCriterion } = {
  "no changed request ends the plugin": "a changed ciphertext is refused",
  "no changed v1beta1 request ends the plugin": "a changed v1beta1 ciphertext is refused",
  "what is refused is refused by a code, and not by UNKNOWN": "a foreign key_id is refused",
  "what is refused over v1beta1 is refused by a code": "a changed v1beta1 ciphertext is refused",
};

/** Tries one criterion on a plugin. */
async function attempt(name: PluginCriterion, change: Mutant): Promise<unknown> {
  await using plugin = await PluginDouble.start();
  await using subject = new Subject(plugin.socket, signal);
  await subject.status();
  change(plugin);
  const first = before[name];
  if (first !== undefined) await criteria[first].attempt(subject);
  return await criteria[name].attempt(subject).then(() => undefined, (thrown: unknown) => thrown);
}

Deno.test("every criterion that can be tried has a plugin that fails it", () => {
  assert.deepEqual(Object.keys(mutants).toSorted(), criterionNames.filter((name) => !byHand.includes(name)).toSorted());
});

for (const [name, plugins] of Object.entries(mutants) as [PluginCriterion, Record<string, Mutant>][]) {
  for (const [what, change] of Object.entries(plugins)) {
    Deno.test(`"${name}" fails with a plugin ${what}`, async () => {
      assert.equal(await attempt(name, () => {}), undefined, "it holds with a sound one");
      const thrown = await attempt(name, change);
      assert.ok(thrown instanceof Error && !(thrown instanceof Untried), String(thrown));
    });
  }
}

Deno.test("the criteria for annotations are untried with a plugin without annotations", async () => {
  const plain: Mutant = (plugin) => {
    plugin.overrides["v2 Encrypt"] = (request) => ({
      ciphertext: plugin.keys.seal(request.plaintext),
      key_id: plugin.keys.current,
      annotations: {},
    });
    plugin.overrides["v2 Decrypt"] = (request) => ({ plaintext: plugin.keys.open(request.ciphertext) });
  };
  for (const name of ["changed annotations are refused", "changed annotations never open to other bytes"] as const) {
    assert.ok(await attempt(name, plain) instanceof Untried);
  }
  assert.equal(await attempt("a seed of 32 bytes comes back", plain), undefined);
});
