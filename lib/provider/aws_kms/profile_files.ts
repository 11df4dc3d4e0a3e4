/**
 * The two files of profiles, merged as in botocore: the mapping from sections to profiles, and the precedence of
 * fields.
 *
 * @module
 */
import { whyUnreadable } from "../../base/durable_file.ts";
import type { KmsError } from "../../base/errors.ts";
import { type Ini, type IniField, IniSyntaxError, readIni } from "./ini.ts";
import type { AwsAuth } from "./settings.ts";

/** Creates an error; `why` is the end of its sentence. */
export type Fail = (why: string, cause?: unknown) => KmsError;

/** A field and the file that contains it. */
interface Field extends IniField {
  readonly file: string;
}

type Fields = ReadonlyMap<string, Field>;

/** The fields of one profile in both files. */
export class ProfileSection {
  readonly #credentials: Fields;
  readonly #config: Fields;
  readonly #merged: Fields;
  readonly #fail: Fail;

  constructor(credentials: Fields | undefined, config: Fields | undefined, fail: Fail) {
    this.#credentials = credentials ?? new Map();
    this.#config = config ?? new Map();
    this.#merged = new Map([...this.#config, ...this.#credentials]);
    this.#fail = fail;
  }

  /** Whether a field exists, empty or not. */
  has(name: string): boolean {
    return this.#merged.has(name);
  }

  /** Position of a field: `file:line`. */
  place(name: string): string {
    const field = this.#merged.get(name);
    return field === undefined ? "" : `${field.file}:${field.line}`;
  }

  /** The value of a field; the credentials file takes precedence over the config file. */
  get(name: string): string | undefined {
    return this.#value(this.#merged, name);
  }

  /** The access key in one of the files; its parts are never combined with those in the other file. */
  accessKey(file: "credentials" | "config") {
    const fields = file === "credentials" ? this.#credentials : this.#config;
    if (!fields.has("aws_access_key_id")) return undefined;
    const tokenName = fields.has("aws_security_token") ? "aws_security_token" : "aws_session_token";
    const noToken = fields.get(tokenName)?.value === "";
    return {
      id: this.#value(fields, "aws_access_key_id"),
      secret: this.#value(fields, "aws_secret_access_key"),
      token: noToken ? undefined : this.#value(fields, tokenName),
    };
  }

  #value(fields: Fields, name: string): string | undefined {
    const field = fields.get(name);
    if (field === undefined) return undefined;
    const { file, line, value, continuedAt } = field;
    if (continuedAt !== undefined) {
      const indented = `${file}:${continuedAt} is indented further than ${name} above it, and so a part of its value`;
      throw this.#fail(`${indented}; indent both alike`);
    }
    if (value === "") throw this.#fail(`${file}:${line}: ${name} is empty; write a value or remove the line`);
    if (/\s[#;]/.test(value)) {
      throw this.#fail(`${file}:${line}: a comment behind a value is a part of it; put it on a line of its own`);
    }
    return value;
  }
}

/** All profiles of both files. */
export class ProfileFiles {
  readonly #credentials: Source | undefined;
  readonly #config: Source | undefined;
  readonly #fail: Fail;

  private constructor(credentials: Source | undefined, config: Source | undefined, fail: Fail) {
    this.#credentials = credentials;
    this.#config = config;
    this.#fail = fail;
  }

  /** Reads the configured files. */
  static async read(
    { credentialsFile, configFile }: Extract<AwsAuth, { readonly method: "profile" }>,
    fail: Fail,
  ): Promise<ProfileFiles> {
    const credentials = await sourceOf(credentialsFile, (section) => section, fail);
    return new ProfileFiles(credentials, await sourceOf(configFile, profileNamed, fail), fail);
  }

  /** A profile; `undefined` if neither file contains it. */
  get(name: string): ProfileSection | undefined {
    const [credentials, config] = [this.#credentials?.profiles.get(name), this.#config?.profiles.get(name)];
    if (credentials === undefined && config === undefined) return undefined;
    return new ProfileSection(credentials, config, this.#fail);
  }

  /**
   * Position of a section whose name lacks `profile` or is misspelt, with the correct text: `file:line` and the text.
   */
  misnamed(name: string): string | undefined {
    const wanted = [
      { source: this.#credentials, header: `[${name}]` },
      { source: this.#config, header: name === "default" ? "[default]" : `[profile ${name}]` },
    ];
    for (const { source, header } of wanted) {
      const found = [...source?.ini ?? []].find(([section]) => bareName(section) === name);
      if (source !== undefined && found !== undefined) return `${source.file}:${found[1].line} should be ${header}`;
    }
    return undefined;
  }
}

interface Source {
  readonly file: string;
  readonly ini: Ini;
  readonly profiles: ReadonlyMap<string, Fields>;
}

/** @param nameOf the profile of a section. If several sections belong to one profile, only the last one counts. */
async function sourceOf(
  file: string | undefined,
  nameOf: (section: string) => string | undefined,
  fail: Fail,
): Promise<Source | undefined> {
  if (file === undefined) return undefined;
  const ini = await readFile(file, fail);
  const profiles = new Map<string, Fields>();
  for (const [section, { fields }] of ini) {
    const name = nameOf(section);
    if (name !== undefined) profiles.set(name, new Map([...fields].map(([key, field]) => [key, { ...field, file }])));
  }
  return { file, ini, profiles };
}

async function readFile(file: string, fail: Fail): Promise<Ini> {
  try {
    return await readIni(file);
  } catch (thrown) {
    if (thrown instanceof IniSyntaxError) throw fail(`${file}:${thrown.line}: ${thrown.why}`);
    throw fail(`${file} cannot be read as a file of AWS profiles: ${whyUnreadable(thrown, file)}`, thrown);
  }
}

/** The profile of a section in the config file: `[default]`, `[profile a]`, `[profile "a b"]`. */
function profileNamed(section: string): string | undefined {
  if (section === "default") return section;
  if (!section.startsWith("profile")) return undefined;
  const words = shellWords(section);
  return words?.length === 2 ? words[1] : undefined;
}

/** The name in a section's header, without the surrounding white space. */
function bareName(section: string): string {
  return section.trim().replace(/^profile\b\s*/, "").replace(/^(["'])(.*)\1$/s, "$2").trim();
}

/**
 * Splits a text into words by the rules of a POSIX shell, as Python's `shlex.split` does; `undefined` if a quotation or
 * an escape is not terminated.
 */
function shellWords(text: string): readonly string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (quote !== "" && char === quote) quote = "";
    else if (char === "\\" && quote !== "'") {
      at++;
      if (at === text.length) return undefined;
      const escaped = text.charAt(at);
      // Within double quotes, a backslash escapes only these two.
      word = (word ?? "") + (quote === "" || escaped === '"' || escaped === "\\" ? escaped : `\\${escaped}`);
    } else if (quote !== "") word = (word ?? "") + char;
    else if (char === '"' || char === "'") [quote, word] = [char, word ?? ""];
    else if (" \t\r\n".includes(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + char;
  }
  if (quote !== "") return undefined;
  return word === undefined ? words : [...words, word];
}
