/**
 * The forms of `trousseau init`.
 *
 * @module
 */

/** The ways to run Trousseau for which files are made. */
export const initForms = ["systemd", "static-pod", "kubeadm"] as const;

/** One of {@linkcode initForms}. */
export type InitForm = typeof initForms[number];
