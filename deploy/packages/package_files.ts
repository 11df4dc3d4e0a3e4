/**
 * The files of each package.
 *
 * @module
 */

/** A format of packages. */
export const packageFormats = ["deb", "rpm"] as const;

/** A format of packages. */
export type PackageFormat = typeof packageFormats[number];

/** A package, which is the name of its program too. */
export type PackageName = "trousseau" | "clectl";

/** Where the bytes of a file come from. */
export type FileSource =
  /** The program of the package's name. */
  | { readonly binary: true }
  /** A file of the checkout, as it is. */
  | { readonly file: string }
  /** A file of the checkout that names programs by their paths: those of a package are below `/usr/bin`. */
  | { readonly unit: string }
  /** A manual page by its name, compressed. */
  | { readonly manual: string }
  /** The completions of a shell. */
  | { readonly completions: "bash" | "zsh" | "fish" }
  /** A symbolic link to this name. */
  | { readonly link: string }
  /** The page on copyright, or the one on changes, that Debian asks for. */
  | { readonly debian: "copyright" | "changelog" };

/** One file of a package. */
export interface PackageFile {
  /** Its path on the machine. */
  readonly to: string;
  readonly from: FileSource;
  /** 0644 if left out. */
  readonly mode?: number;
  /** `config`: an upgrade keeps what its owner has changed in it. */
  readonly kind?: "config" | "license";
  /** The only format that has it; both if left out. */
  readonly only?: PackageFormat;
}

const units = [
  "trousseau.service",
  "trousseau-sops.service",
  "trousseau-drill.service",
  "trousseau-drill.timer",
  "trousseaud.service",
] as const;

/** Examples of drop-ins, and of units that read from the keyring. */
const unitExamples = [
  "restart-steps.conf",
  "jitless.conf",
  "kms-plugin.conf",
  "kube-apiserver.conf",
  "web-render.service",
  "web-reload.service",
  "web-reload.path",
] as const;

const policies = [
  "aws-kms.json",
  "azure-key-vault.json",
  "gcp-kms.yaml",
  "rewrite-clusterrole.yaml",
  "vault.hcl",
] as const;

/** Configurations that are no file of their own under `/etc`. */
const configExamples = [
  "aws.yaml",
  "azure.yaml",
  "gcp.yaml",
  "keyring.yaml",
  "kms-plugin.yaml",
  "openbao.yaml",
  "production.yaml",
  "quorum.yaml",
  "recovery.yaml",
  "test.yaml",
  "vault-agent.yaml",
] as const;

const share = "/usr/share/trousseau";

function copied(to: string, from: string, names: readonly string[]): PackageFile[] {
  return names.map((name) => ({ to: `${to}/${name}`, from: { file: `${from}/${name}` } }));
}

/** Files that each package has of its own program: binary, completions, licence. */
function programFiles(name: PackageName): PackageFile[] {
  return [
    { to: `/usr/bin/${name}`, from: { binary: true }, mode: 0o755 },
    { to: `/usr/share/bash-completion/completions/${name}`, from: { completions: "bash" } },
    { to: `/usr/share/zsh/vendor-completions/_${name}`, from: { completions: "zsh" }, only: "deb" },
    { to: `/usr/share/zsh/site-functions/_${name}`, from: { completions: "zsh" }, only: "rpm" },
    { to: `/usr/share/fish/vendor_completions.d/${name}.fish`, from: { completions: "fish" } },
    { to: `/usr/share/doc/${name}/copyright`, from: { debian: "copyright" }, only: "deb" },
    { to: `/usr/share/doc/${name}/changelog.gz`, from: { debian: "changelog" }, only: "deb" },
    { to: `/usr/share/lintian/overrides/${name}`, from: { file: `deploy/packages/lintian/${name}` }, only: "deb" },
    { to: `/usr/share/licenses/${name}/LICENSE`, from: { file: "LICENSE" }, kind: "license", only: "rpm" },
  ];
}

const serverFiles: readonly PackageFile[] = [
  { to: "/usr/bin/trousseaud", from: { link: "trousseau" } },
  { to: "/usr/share/man/man1/trousseaud.1.gz", from: { link: "trousseau-keyring-serve.1.gz" } },
  ...units.map((name) => ({ to: `/usr/lib/systemd/system/${name}`, from: { unit: `deploy/systemd/${name}` } })),
  ...["trousseau", "trousseaud"].flatMap((user): PackageFile[] => [
    { to: `/usr/lib/sysusers.d/${user}.conf`, from: { file: `deploy/systemd/${user}.sysusers.conf` } },
    { to: `/usr/lib/tmpfiles.d/${user}.conf`, from: { file: `deploy/systemd/${user}.tmpfiles.conf` } },
    { to: `/etc/logrotate.d/${user}`, from: { file: `deploy/logrotate/${user}` }, kind: "config" },
  ]),
  {
    to: "/etc/trousseau/trousseau.yaml",
    from: { file: "deploy/packages/trousseau.yaml" },
    mode: 0o600,
    kind: "config",
  },
  { to: "/usr/lib/trousseau/apiserver.sh", from: { file: "deploy/kubernetes/apiserver.sh" }, mode: 0o755 },
  { to: `${share}/prometheus/rules.yaml`, from: { file: "deploy/prometheus/rules.yaml" } },
  { to: `${share}/grafana/trousseau.json`, from: { file: "deploy/grafana/trousseau.json" } },
  ...copied(`${share}/policies`, "deploy/policies", policies),
  ...copied(`${share}/config`, "deploy/config", configExamples),
  ...unitExamples.map((name) => ({ to: `${share}/systemd/${name}`, from: { unit: `deploy/systemd/${name}` } })),
];

/**
 * The files of a package in a format, sorted by path.
 *
 * @param manuals the names of its manual pages, as `trousseau-check.1`.
 */
export function packageFiles(
  name: PackageName,
  format: PackageFormat,
  manuals: Iterable<string>,
): readonly PackageFile[] {
  const pages = [...manuals].map((manual) => ({ to: `/usr/share/man/man1/${manual}.gz`, from: { manual } }));
  const all: readonly PackageFile[] = [...programFiles(name), ...pages, ...(name === "trousseau" ? serverFiles : [])];
  return all.filter(({ only }) => only === undefined || only === format)
    .toSorted((one, other) => one.to < other.to ? -1 : 1);
}
