/**
 * The environment. Only this module reads it, and its list of variables is complete.
 *
 * @module
 */
import { Secret } from "../base/secret.ts";
import type { RuntimeVariable } from "./runtime_variables.ts";

/**
 * Every variable that the program reads, with its purpose. The names are also listed in `--allow-env`, in this form:
 * Deno accepts `*` at the end of a name as a wildcard. Of the other names in that list, `runtimeVariables`, the program
 * reads only whether they are set.
 */
export const environmentVariables = {
  TROUSSEAU_CONFIG: "the config file where no --config is given; before /etc/trousseau/trousseau.yaml",
  XDG_RUNTIME_DIR: "the folder of the socket where there is no config, and of the state for a user that is not root",
  STATE_DIRECTORY: "the state folder where the config names none; systemd sets it",
  MAINPID: "that systemd runs the command beside a service: `probe --wait` ends when the service has ended",
  NO_COLOR: "no colours on a terminal, if it is not empty",
  TERM: "no colours on a terminal, if it is `dumb`",
  VAULT_TOKEN: "a secret that a config may refer to",
  BAO_TOKEN: "a secret that a config may refer to",
  AWS_ACCESS_KEY_ID: "an access key for AWS, where the config says so",
  AWS_SECRET_ACCESS_KEY: "its secret",
  AWS_SESSION_TOKEN: "its session token, if it is a temporary one",
  AWS_ROLE_ARN: "the role of a web identity where the config names none; EKS sets it",
  AWS_ROLE_SESSION_NAME: "what its session is called where the config does not say",
  AWS_WEB_IDENTITY_TOKEN_FILE: "the path of a web identity's token where the config names none",
  AWS_CONTAINER_CREDENTIALS_FULL_URI: "where a container's agent is if the config does not say; EKS sets it",
  AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "the same as ECS sets it",
  AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: "the path of what that agent wants to see",
  AZURE_TENANT_ID: "the tenant of a workload identity where the config names none; AKS sets it",
  AZURE_CLIENT_ID: "the application of a workload identity where the config names none",
  AZURE_FEDERATED_TOKEN_FILE: "the path of a workload identity's token where the config names none",
  AZURE_AUTHORITY_HOST: "where a workload identity logs in; taken only if it is the vault's own cloud",
  GOOGLE_APPLICATION_CREDENTIALS: "the path of a file with a login to Google Cloud, where the config says so",
  KUBERNETES_SERVICE_HOST: "the API server's address for a pod's ServiceAccount; kubelet sets it",
  KUBERNETES_SERVICE_PORT: "its port",
  "TROUSSEAU_SECRET_*": "secrets that a config may refer to",
} as const satisfies Record<string, string>;

/** The variables of an AWS access key. A configuration uses them together and cannot refer to one of them. */
const awsKeyVariables = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] as const;

/** One of {@linkcode awsKeyVariables}. */
export type AwsKeyVariable = (typeof awsKeyVariables)[number];

/** The variables that contain a secret. */
type SecretVariable = "VAULT_TOKEN" | "BAO_TOKEN" | AwsKeyVariable | "TROUSSEAU_SECRET_*";

/** A variable that contains no secret. */
export type PlainVariable = Exclude<keyof typeof environmentVariables, SecretVariable>;

/**
 * The names that `{ variable: NAME }` can have. The list of variables is fixed at compile time; the program could not
 * read any other variable even if it were set.
 */
export const secretVariablePattern = /^(TROUSSEAU_SECRET_[A-Z0-9_]+|VAULT_TOKEN|BAO_TOKEN)$/;

/** Access to the environment. An empty variable counts as unset. */
export interface Environment {
  /** The value of a variable; `undefined` if it is unset or empty. */
  get(name: PlainVariable): string | undefined;
  /** Whether a variable of the runtime is set. */
  has(name: RuntimeVariable): boolean;
  /**
   * The secret in a variable that matches {@linkcode secretVariablePattern} or belongs to the AWS access key, otherwise
   * `undefined`.
   */
  secret(name: string): Secret | undefined;
  /**
   * Whether the program tried to read a variable without the permission, or after it was revoked: then it is not known
   * whether the variable is set.
   */
  mayNotRead(name: string): boolean;
}

/** An environment with any lookup function: that of the process, or of a test. */
export function environmentFrom(
  lookup: (name: string) => string | undefined,
  mayNotRead: (name: string) => boolean = () => false,
): Environment {
  const value = (name: string) => lookup(name) || undefined;
  return {
    get: value,
    has: (name) => value(name) !== undefined,
    mayNotRead,
    secret(name) {
      const known = secretVariablePattern.test(name) || awsKeyVariables.some((one) => one === name);
      const found = known ? value(name)?.trim() : undefined;
      return found === undefined || found === "" ? undefined : new Secret(found);
    },
  };
}

/**
 * The environment of this process. A variable without read permission counts as unset. Values that were read are
 * cached, because a server revokes the permission to read variables, and reads its configuration again at a reload.
 */
export function readEnvironment(): Environment {
  const known = new Map<string, string | undefined>();
  const refused = new Set<string>();
  const lookup = (name: string) => {
    if (known.has(name)) return known.get(name);
    // With `--ignore-env`, reading a variable without the permission does not throw: it would look unset.
    if (Deno.permissions.querySync({ name: "env", variable: name }).state === "granted") {
      const value = Deno.env.get(name);
      known.set(name, value);
      return value;
    }
    refused.add(name);
    return undefined;
  };
  return environmentFrom(lookup, (name) => refused.has(name));
}
