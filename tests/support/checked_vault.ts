/**
 * A configuration of a local key and a Vault for `trousseau check`.
 *
 * @module
 */
import { TemporaryConfig } from "./temporary_config.ts";

/** A local key and a Vault. Without an address no server listens for it: the port is released before it is used. */
export async function withVault(
  auth: (folder: string) => Record<string, unknown>,
  given?: string,
): Promise<TemporaryConfig> {
  const config = await TemporaryConfig.make();
  const { folder } = config;
  await Deno.writeTextFile(`${folder}/jwt`, "e30.e30.e30");
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = given ?? `http://127.0.0.1:${listener.addr.port}`;
  await config.write({
    providers: [
      { name: "local", kind: "local", keyFile: `${folder}/local.keys` },
      { name: "vault", kind: "vault-transit", address, key: "kubernetes", auth: auth(folder) },
    ],
  });
  return config;
}
