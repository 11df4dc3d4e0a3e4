/**
 * The values of `trousseau init`.
 *
 * @module
 */
import { dirname } from "node:path";
import * as yaml from "yaml";
import * as z from "zod/mini";
import { readYaml, type YamlFile } from "../base/yaml_positions.ts";
import { yamlText } from "../base/yaml_text.ts";
import { version } from "../base/version.ts";
import { defaults } from "./defaults.ts";
import { listMistakes } from "./encryption/rules.ts";
import { integer, oneOf, section, text } from "./fields.ts";
import { type InitForm, initForms } from "./init_forms.ts";
import { Problems } from "./problems.ts";
import type { ProviderList } from "./provider_lists.ts";
import type { RawConfig, RawProvider } from "./schema.ts";
import { checkAgainst, checkShape } from "./shape.ts";
import { readTextFile } from "./text_file.ts";

/** The socket and the state folder that unit and pod make. */
const madeSocketFolder = dirname(defaults.socket.path);
const podListen = { hostname: "127.0.0.1", port: 8090 } as const;

/** A login that most clusters have, in the place of a configuration. Its addresses have to be replaced. */
const exampleConfig = {
  providers: [{
    name: "vault",
    kind: "vault-transit",
    addresses: ["https://vault-1.example.com:8200", "https://vault-2.example.com:8200"],
    mount: "transit",
    key: "kubernetes",
    auth: {
      method: "approle",
      roleId: { file: "/etc/trousseau/role-id" },
      secretId: { file: "/etc/trousseau/secret-id" },
    },
    tls: { caFile: "/etc/trousseau/vault-ca.pem" },
  }],
} as const;

const valuesSchema = section("Values of trousseau init.", {
  form: z.exactOptional(oneOf("How Trousseau and kube-apiserver run.", initForms)),
  nodes: z._default(integer("The number of control plane nodes.", 1, 99), 3),
  name: z._default(
    text(
      "The name of the plugin in etcd; never change it.",
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
      "must be letters, digits, dots, _ and -, at most 63",
    ),
    "trousseau",
  ),
  resources: z._default(
    z.array(z.string("must be a text"), "must be a list of resources").check(
      z.minLength(1, "is empty; name a resource such as secrets"),
    ),
    ["secrets", "configmaps"],
  ),
  image: z._default(
    text("The image of the static pod.", /^[A-Za-z0-9][\w./:@-]{0,254}$/, "must be the name of an image"),
    `localhost/trousseau:${version}`,
  ),
  config: z.exactOptional(z.unknown()),
});

/** Values that are valid. */
export interface InitValues {
  readonly form: InitForm;
  readonly nodes: number;
  readonly name: string;
  readonly resources: readonly string[];
  readonly image: string;
  readonly socketPath: string;
  readonly state: string;
  /** The configuration as YAML, without comments. */
  readonly config: string;
  /** Whether the configuration is the example. */
  readonly isExample: boolean;
  readonly providers: readonly RawProvider[];
  /** The files that the configuration names, for instance a credential. */
  readonly files: readonly string[];
}

/**
 * Reads a file of values.
 *
 * @param path `undefined`: the defaults.
 * @param form of the command line, which counts if both have one.
 * @throws {KmsError} as {@linkcode initValuesIn}, and if the file cannot be read.
 */
export async function loadInitValues(path: string | undefined, form: InitForm | undefined): Promise<InitValues> {
  return path === undefined ? initValuesIn("values", "", form) : initValuesIn(path, await readTextFile(path), form);
}

/**
 * Reads the text of a file of values.
 *
 * @throws {KmsError} `config`, one line `path:line:column: field: …` for each problem.
 */
export function initValuesIn(path: string, text: string, form: InitForm | undefined): InitValues {
  const file = readYaml(text);
  const problems = new Problems(path, file.position);
  for (const { position, text } of file.problems) problems.atPosition(position, text);
  if (file.value === undefined) return problems.fail();
  const values = checkAgainst(valuesSchema, file.value, problems);
  for (const { index, text } of listMistakes(values?.resources ?? [])) problems.at(["resources", index], text);
  problems.throwIfAny();
  if (values === undefined) return problems.fail();
  const chosen = form ?? values.form ?? "systemd";
  const config = values.config ?? exampleConfig;
  return {
    ...values,
    form: chosen,
    isExample: values.config === undefined,
    ...checkedConfig(config, { form: chosen, nodes: values.nodes }, path, file),
  };
}

function checkedConfig(
  config: unknown,
  { form, nodes }: Pick<InitValues, "form" | "nodes">,
  path: string,
  file: YamlFile,
) {
  const problems = new Problems(path, (place) => file.position(["config", ...place]));
  const shaped = checkShape(config, problems);
  if (shaped !== undefined) {
    checkPlaces(shaped.config, form, problems);
    checkMadeKeys(shaped.providers, nodes, problems);
  }
  problems.throwIfAny();
  if (shaped === undefined) return problems.fail();
  const { socket, state = defaults.state } = shaped.config;
  const written = { ...recordOf(config), socket: { path: socket.path, ...recordOf(recordOf(config).socket) }, state };
  return {
    socketPath: socket.path,
    state,
    config: yamlText(yaml, written),
    providers: shaped.providers.sound.map(({ raw }) => raw),
    files: [...new Set(filesIn(config))],
  };
}

/** The configuration is the same on all nodes, and a key has to be. */
function checkMadeKeys(providers: ProviderList<RawProvider>, nodes: number, problems: Problems): void {
  if (nodes === 1) return;
  for (const { index, raw } of providers.sound) {
    if (raw.kind !== "local" || !raw.create) continue;
    problems.at(
      ["providers", index, "create"],
      "must be false for more than one node: each would make a key of its own (docs/kms/local.md)",
    );
  }
}

/** Unit and pod make one folder for the socket and one for the state. */
function checkPlaces(
  { socket, state, telemetry }: Pick<RawConfig, "socket" | "state" | "telemetry">,
  form: InitForm,
  problems: Problems,
): void {
  if (dirname(socket.path) !== madeSocketFolder) {
    problems.at(["socket", "path"], `must be in ${madeSocketFolder}, which the unit or the pod makes`);
  }
  if (state !== undefined && state !== defaults.state) {
    problems.at(["state"], `must be ${defaults.state}, which the unit or the pod makes`);
  }
  const { hostname, port } = podListen;
  const { listen } = telemetry;
  if (form === "static-pod" && (listen?.hostname !== hostname || listen.port !== port)) {
    problems.at(["telemetry", "listen"], `must be ${hostname}:${port}, where the probes of the pod ask`);
  }
}

/** Values of the fields that name files, without a key file that the first start makes. */
function filesIn(value: unknown, key = ""): readonly string[] {
  if (typeof value === "string") return /^(file|\w+File)$/.test(key) && value.startsWith("/") ? [value] : [];
  if (typeof value !== "object" || value === null) return [];
  const { create } = recordOf(value);
  return Object.entries(value).filter(([name]) => create !== true || name !== "keyFile")
    .flatMap(([name, member]) => filesIn(member, name));
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
