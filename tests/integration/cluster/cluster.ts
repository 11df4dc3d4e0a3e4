/**
 * A model of a cluster: three nodes over five KMS on one simulated clock. A run executes a list of steps and throws at the
 * first violated property.
 *
 * @module
 */
import assert from "node:assert/strict";
import { equalBytes, sha256, utf8 } from "../../../lib/base/bytes.ts";
import { KmsError } from "../../../lib/base/errors.ts";
import type { RingStore } from "../../../lib/services/kms/key_ring/state.ts";
import { enforceContract } from "../../../lib/provider/enforced_contract.ts";
import type { CheckedProvider } from "../../../lib/provider/provider.ts";
import { type Encrypted, openService, type Service, type ServiceOptions } from "../../../lib/services/kms/service.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import { MemoryStore } from "../../support/memory_store.ts";
import { checkHistory, memberKey, numberOf } from "./history.ts";
import { ModelKms, NodeView } from "./model_kms.ts";
import { kmsNames, nodeCount, randomFrom, type Run, type Step } from "./steps.ts";

const second = 1_000;

/** The parts that a mutant can replace. */
export interface Parts {
  readonly service: (sound: Service & AsyncDisposable) => Service & AsyncDisposable;
  readonly provider: (sound: CheckedProvider, node: number) => CheckedProvider;
  readonly store: (sound: RingStore) => RingStore;
  readonly options: (sound: ServiceOptions) => ServiceOptions;
}

/** The parts without mutations. */
export const soundParts: Parts = {
  service: (sound) => sound,
  provider: (sound) => sound,
  store: (sound) => sound,
  options: (sound) => sound,
};

/** Executes a run. @throws {AssertionError} at the first violated property. */
export async function runCluster(run: Run, parts: Parts = soundParts): Promise<void> {
  await using cluster = new Cluster(run, parts);
  await cluster.start();
  for (const step of run.steps) await cluster.take(step);
  await cluster.settle();
}

interface ClusterConfig {
  readonly epoch: number;
  readonly members: readonly string[];
  readonly retired: readonly string[];
  readonly wrap: "all" | "any" | 2;
}

interface ModelNode {
  readonly index: number;
  readonly views: ReadonlyMap<string, NodeView>;
  readonly store: MemoryStore;
  config: ClusterConfig;
  service: (Service & AsyncDisposable) | undefined;
  /** The IDs in the answers to Status, in order. */
  readonly ids: string[];
  /** Number of IDs at the last `settle`. */
  idsAtSettle: number;
}

interface SealedByModel {
  readonly by: number;
  readonly seed: Uint8Array;
  readonly sealed: Encrypted;
}

/** Maximum number of sealed seeds of a run: enough for every set of providers. */
const mostSealed = 16;

class Cluster implements AsyncDisposable {
  readonly #clock = new FakeClock();
  readonly #parts: Parts;
  readonly #random: () => number;
  readonly #kms: readonly ModelKms[];
  readonly #nodes: readonly ModelNode[];
  #config: ClusterConfig;
  readonly #used = new Set<string>();
  readonly #sealed: SealedByModel[] = [];
  /** The key ID of each set of versions, which must be equal on all nodes. */
  readonly #agreed = new Map<string, string>();
  #rotations = 0;
  #configs = 0;

  constructor({ seed, first }: Run, parts: Parts) {
    this.#parts = parts;
    this.#random = randomFrom(seed);
    this.#kms = kmsNames.map((name, index) => new ModelKms(name, index < 3));
    this.#config = { epoch: 0, members: names(first), retired: [], wrap: 2 };
    this.#used.add(memberKey(this.#config.members));
    this.#nodes = Array.from({ length: nodeCount }, (_, index) => this.#newNode(index));
  }

  #newNode(index: number): ModelNode {
    const store = new MemoryStore();
    const announced = (name: string) => (store.saved?.history ?? []).flatMap((id) => numberOf(id, name) || []);
    return {
      index,
      views: new Map(this.#kms.map((kms) => [kms.name, new NodeView(kms, () => announced(kms.name))])),
      store,
      config: this.#config,
      service: undefined,
      ids: [],
      idsAtSettle: 0,
    };
  }

  async start(): Promise<void> {
    for (const node of this.#nodes) await this.#startNode(node);
    await this.#wait(5);
    this.#checkAgreement();
  }

  async take(step: Step): Promise<void> {
    switch (step.what) {
      case "fault":
        this.#member(step.kms).fault = step.fault === "none" ? undefined : step.fault;
        return;
      case "rotate":
        this.#rotations++;
        return this.#member(step.kms).rotate();
      case "lag":
        this.#viewOf(step.node, this.#member(step.kms)).lag = step.lag;
        return;
      case "wait":
        return await this.#wait(step.seconds);
      case "restart":
        return await this.#restart(this.#at(this.#nodes, step.node));
      case "config":
        return this.#configure(step);
      case "settle":
        return await this.settle();
    }
  }

  /** Makes every KMS answer for five minutes, and gives every node the newest configuration. */
  async settle(): Promise<void> {
    for (const kms of this.#kms) kms.fault = undefined;
    for (const { views } of this.#nodes) for (const view of views.values()) view.lag = 0;
    for (const node of this.#nodes) if (node.config !== this.#config) await this.#restart(node);
    await this.#wait(300, 100);
    this.#checkAgreement();
    for (const [index, sealed] of this.#sealed.entries()) {
      await this.#open(sealed, this.#at(this.#nodes, index % nodeCount));
    }
  }

  #checkAgreement(): void {
    const [id, ...others] = this.#nodes.map((node) => this.#serviceOf(node).status().keyId);
    assert.ok(id !== undefined, "a node knows a key ID five minutes after all providers are reachable");
    for (const other of others) {
      assert.equal(other, id, "all nodes agree five minutes after all providers are reachable");
    }
    const versions = this.#config.members.map((name) => `${name}=${this.#named(name).version}`).sort().join();
    const vector = `${this.#config.epoch} ${versions}`;
    for (const [before, known] of this.#agreed) {
      assert.equal(known === id, before === vector, `the key ID tells "${vector}" from "${before}"`);
    }
    this.#agreed.set(vector, id);
    for (const node of this.#nodes) this.#checkChanges(node);
    this.#rotations = 0;
    this.#configs = 0;
  }

  /** Checks the changes since the last `settle`: none for an outage, one for a rotation. */
  #checkChanges(node: ModelNode): void {
    const changes = node.ids.length - node.idsAtSettle;
    if (node.idsAtSettle > 0 && this.#configs === 0) {
      if (this.#rotations === 0) {
        assert.equal(changes, 0, "an outage never changes the key ID of a node that has seen all");
      }
      if (this.#rotations === 1) assert.equal(changes, 1, "a rotation changes the key ID exactly once");
      assert.ok(changes <= this.#rotations, "a rotation changes the key ID exactly once");
    }
    node.idsAtSettle = node.ids.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { service } of this.#nodes) await service?.[Symbol.asyncDispose]();
  }

  #configure({ members, wrap, retire }: Extract<Step, { what: "config" }>): void {
    const next = names(members);
    const isOld = this.#used.has(memberKey(next)) && memberKey(next) !== memberKey(this.#config.members);
    const gone = kmsNames.filter((name) => !next.includes(name));
    this.#used.add(memberKey(next));
    this.#configs++;
    this.#config = {
      // `check` requires another epoch if an ID would be used again.
      epoch: this.#config.epoch + (isOld ? 1 : 0),
      members: next,
      retired: retire ? gone : [],
      wrap: wrap === 2 && next.length === 1 ? "any" : wrap,
    };
  }

  async #restart(node: ModelNode): Promise<void> {
    await node.service?.[Symbol.asyncDispose]();
    node.service = undefined;
    node.config = this.#config;
    await this.#startNode(node);
    this.#look(node);
  }

  async #startNode(node: ModelNode): Promise<void> {
    try {
      node.service = await this.#openNode(node);
    } catch (thrown) {
      // The node refuses a configuration that cannot open its data. The operator follows the message and retires the provider.
      assert.ok(thrown instanceof KmsError && thrown.code === "config", `${thrown}`);
      assert.match(thrown.message, /under retired:/);
      const { members } = this.#config;
      this.#config = { ...this.#config, retired: kmsNames.filter((name) => !members.includes(name)) };
      node.config = this.#config;
      node.service = await this.#openNode(node);
    }
    const decryptors = readersOf(node.config);
    const lost = this.#sealed.find(({ by, sealed }) =>
      by === node.index && !sealed.providers.some(({ name }) => decryptors.includes(name))
    );
    assert.ok(lost === undefined, "a node does not start without any provider that can open what it sealed");
    await this.#clock.advance(100);
  }

  async #openNode({ config, views, store, index }: ModelNode): Promise<Service & AsyncDisposable> {
    const hour = 3_600_000;
    const provided = (list: readonly string[]) =>
      list.map((name) => {
        const view = views.get(name);
        assert.ok(view);
        return { provider: this.#parts.provider(enforceContract(view, { notify: () => {} }), index), formerly: [] };
      });
    const options: ServiceOptions = {
      providers: provided(config.members),
      retired: provided(config.retired),
      wrap: config.wrap,
      unwrap: "fastest",
      keyEpoch: config.epoch,
      cache: { entries: 64, maxAgeMs: 600_000, graceOnOutageMs: 24 * hour, lifetimeMs: 7 * 24 * hour },
      dekMaxAgeMs: hour,
      probeIntervalMs: 75_000,
      store: this.#parts.store(store),
      clock: this.#clock,
      random: this.#random,
      notify: () => {},
    };
    return this.#parts.service(await openService(this.#parts.options(options)));
  }

  /** Advances the clock with the calls of kube-apiserver, and reads a sealed value again. */
  async #wait(seconds: number, least = 5): Promise<void> {
    for (let left = seconds; left > 0;) {
      const pause = Math.min(left, least + Math.floor(this.#random() * 90));
      await this.#clock.advance(Math.max(5, pause) * second);
      left -= pause;
      await this.#statusAndEncrypt();
      await this.#readOne();
    }
  }

  /** Calls Status, then Encrypt within 3 s, and checks that both have the same ID. */
  async #statusAndEncrypt(): Promise<void> {
    const asked = this.#nodes.map((node) => ({ node, status: this.#look(node) }));
    await this.#clock.advance(Math.floor(this.#random() * 2_900));
    for (const { node, status } of asked) {
      if (!status.canEncrypt) continue;
      const seed = sha256(utf8(`${this.#random()}`));
      const sealed = this.#serviceOf(node).encrypt(seed, "v2");
      assert.equal(sealed.keyId, status.keyId, "Encrypt answers with the key ID of Status");
      assert.ok(sealed.providers.length > 0);
      if (this.#sealed.length === mostSealed) this.#sealed.splice(Math.floor(this.#random() * mostSealed), 1);
      this.#sealed.push({ by: node.index, seed, sealed });
    }
  }

  /** Records the ID of a node, and checks its history. */
  #look(node: ModelNode) {
    const service = this.#serviceOf(node);
    const status = service.status();
    const before = node.ids.at(-1);
    if (before !== undefined) assert.ok(status.keyId !== undefined, "a node that has announced an ID always has one");
    if (status.keyId !== undefined && status.keyId !== before) {
      assert.ok(!node.ids.includes(status.keyId), "no key ID returns");
      node.ids.push(status.keyId);
    }
    checkHistory(node.store.saved, this.#kms);
    return { ...status, canEncrypt: service.peek().canEncrypt };
  }

  async #readOne(): Promise<void> {
    const sealed = this.#sealed[Math.floor(this.#random() * this.#sealed.length)];
    const node = this.#at(this.#nodes, Math.floor(this.#random() * nodeCount));
    if (sealed) await this.#open(sealed, node);
  }

  async #open({ sealed, seed }: SealedByModel, node: ModelNode): Promise<void> {
    const decryptors = readersOf(node.config);
    const answering = sealed.providers.filter(({ name }) => decryptors.includes(name) && this.#named(name).answers);
    if (answering.length === 0) return;
    const outcome: { plaintext?: Uint8Array; error?: unknown } = {};
    const { signal } = new AbortController();
    Promise.resolve(this.#serviceOf(node).decrypt(sealed, "v2", { signal })).then(
      ({ plaintext }) => void (outcome.plaintext = plaintext),
      (thrown) => void (outcome.error = thrown ?? "nothing"),
    );
    await this.#clock.settle();
    for (let waited = 0; waited < 12 && !outcome.plaintext && !outcome.error; waited++) await this.#clock.advance(250);
    assert.ok(
      outcome.plaintext !== undefined && equalBytes(outcome.plaintext, seed),
      `what was sealed opens while one provider that wrapped it answers: ${outcome.error ?? "no answer"}`,
    );
  }

  #serviceOf({ service }: ModelNode): Service {
    assert.ok(service);
    return service;
  }

  /** A KMS of the newest configuration. Faults of the others have no effect. */
  #member(index: number): ModelKms {
    const { members } = this.#config;
    return this.#named(this.#at(members, index % members.length));
  }

  #viewOf(node: number, kms: ModelKms): NodeView {
    const view = this.#at(this.#nodes, node).views.get(kms.name);
    assert.ok(view);
    return view;
  }

  #named(name: string): ModelKms {
    const found = this.#kms.find((kms) => kms.name === name);
    assert.ok(found);
    return found;
  }

  #at<T>(list: readonly T[], index: number): T {
    const found = list[index];
    assert.ok(found !== undefined);
    return found;
  }
}

function readersOf({ members, retired }: ClusterConfig): readonly string[] {
  return [...members, ...retired];
}

function names(indices: readonly number[]): readonly string[] {
  return indices.flatMap((index) => kmsNames[index] ?? []);
}
