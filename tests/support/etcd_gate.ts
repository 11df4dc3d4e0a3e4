/**
 * A server between a client and a real etcd that does to single requests what a network or a dying member does.
 *
 * @module
 */
import type { EtcdCluster } from "./etcd.ts";

/** What happens to a request. */
export type GateFault =
  /** It is executed, and the connection ends without an answer. */
  | "answer lost"
  /** It is not executed, and the connection ends. */
  | "request lost"
  /** It is executed when {@linkcode EtcdGate.release} is called; no answer comes. */
  | "request held"
  /** It is executed twice, and the second answer comes. */
  | "sent twice"
  /** An answer of another form. */
  | "wrong answer";

/** The gate. Disposing of it closes it. */
export interface EtcdGate extends AsyncDisposable {
  readonly endpoint: string;
  /** The faults of the next transactions, in order; those after them pass. */
  readonly faults: GateFault[];
  /** While it is set, every request ends without an answer. */
  isDown: boolean;
  /** While it is set, nothing of a watch passes. */
  isSilent: boolean;
  /** Called before each read is sent on. @param nth its number, from 1. */
  onRead: (nth: number) => void | Promise<void>;
  /** Number of transactions that were sent on. */
  readonly executed: number;
  /** Sends held requests on. @returns the bodies of their answers. */
  release(): Promise<readonly string[]>;
}

/** Opens a gate to the first member. */
export async function openGate(etcd: EtcdCluster): Promise<EtcdGate> {
  const [cert, key] = await Promise.all(["pem", "key"].map((end) => Deno.readTextFile(`${etcd.folder}/client.${end}`)));
  const client = Deno.createHttpClient({ caCerts: [etcd.authority.certificate], cert: `${cert}`, key: `${key}` });
  const held: (() => Promise<string>)[] = [];
  const state = {
    faults: [] as GateFault[],
    isDown: false,
    isSilent: false,
    executed: 0,
    onRead: (_nth: number): void | Promise<void> => {},
  };
  let reads = 0;
  const isTransaction = (path: string, body: string) => path === "/v3/kv/txn" && body.includes('"mod_revision"');
  const send = async (path: string, body: string, signal: AbortSignal) => {
    if (isTransaction(path, body)) state.executed++;
    return await fetch(`${etcd.members[0]?.endpoint}${path}`, { method: "POST", client, body, signal });
  };
  const lost = () => new Response(new ReadableStream({ pull: (controller) => controller.error(new Error("lost")) }));
  const forever = AbortSignal.timeout(600_000);
  const withFault = async (fault: GateFault, path: string, body: string): Promise<Response> => {
    if (fault === "wrong answer") return new Response("<html>");
    if (fault === "request held") held.push(async () => await (await send(path, body, forever)).text());
    if (fault === "answer lost" || fault === "sent twice") await (await send(path, body, forever)).text();
    return fault === "sent twice" ? await send(path, body, forever) : lost();
  };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {}, onError: lost }, async (request) => {
    const [{ pathname }, body] = [new URL(request.url), await request.text()];
    if (pathname === "/v3/kv/range") await state.onRead(++reads);
    if (state.isDown) return lost();
    const fault = isTransaction(pathname, body) ? state.faults.shift() : undefined;
    if (fault !== undefined) return await withFault(fault, pathname, body);
    const end = new AbortController();
    const answer = await send(pathname, body, end.signal);
    if (pathname !== "/v3/watch") return new Response(await answer.text(), { status: answer.status });
    return new Response(passed(answer, () => state.isSilent, () => end.abort()), { status: answer.status });
  });
  return Object.assign(state, {
    endpoint: `http://127.0.0.1:${server.addr.port}`,
    release: () => Promise.all(held.splice(0).map((one) => one())),
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      client.close();
    },
  });
}

/** The body of a watch; what comes while it is silent is dropped. */
function passed(answer: Response, isSilent: () => boolean, end: () => void): ReadableStream<Uint8Array> | null {
  const reader = answer.body?.getReader();
  if (reader === undefined) return null;
  return new ReadableStream({
    async pull(controller) {
      const { value, done } = await reader.read().catch(() => ({ value: undefined, done: true }));
      if (done) controller.close();
      else if (value !== undefined && !isSilent()) controller.enqueue(value);
      else await this.pull?.(controller);
    },
    cancel: end,
  });
}
