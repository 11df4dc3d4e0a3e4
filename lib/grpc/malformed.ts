/**
 * What a decoder makes of bytes that are no message.
 *
 * @module
 */

/** Stands in for a request that is not the protobuf message that it should be. */
export class Malformed {
  readonly uid = "";
}
