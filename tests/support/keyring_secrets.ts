/**
 * Secrets in a store of a test.
 *
 * @module
 */
import { secretPath } from "../../lib/api/keyring/paths.ts";
import type { SecretField } from "../../lib/api/keyring/fields.ts";
import { utf8, utf8Text } from "../../lib/base/bytes.ts";
import { Secrets } from "../../lib/services/keyring/secrets/secrets.ts";
import { TestStore, type TestStoreOptions } from "./keyring_store.ts";

/** A store and its secrets. */
export class TestSecrets extends TestStore {
  readonly secrets: Secrets = new Secrets({ store: this.store, clock: this.clock });

  /** Makes a secret with one text field `value`. */
  async make(path: string, value: string): Promise<void> {
    await this.secrets.create(secretPath(path), { fields: [textField("value", value)] }, { signal: this.signal });
  }

  /** The text of the field `value`. */
  async text(path: string, version?: number): Promise<string | undefined> {
    const which = version === undefined ? {} : { version };
    const { fields } = await this.secrets.read(secretPath(path), { ...which, signal: this.signal });
    const [field] = fields.filter(({ name }) => name === "value");
    return field && utf8Text(field.value);
  }

  /** The paths of one folder. */
  async paths(folder = ""): Promise<readonly string[]> {
    const { entries } = await this.secrets.list(folder as Parameters<Secrets["list"]>[0], {
      limit: 100_000,
      signal: this.signal,
    });
    return entries.map(({ path }) => path);
  }

  override again(options: TestStoreOptions = {}): TestSecrets {
    return new TestSecrets({ engine: this.engine, provider: this.provider, clock: this.clock, ...options });
  }
}

/** A field of text. */
export function textField(name: string, value: string): SecretField {
  return { name, kind: "text", value: utf8(value) };
}
