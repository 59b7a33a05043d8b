/**
 * Who signed what: Ed25519 keys, their files, and the messages that are signed. Pure. FORMAT.md
 * 2.1, 4.5.
 */
package dev.sluice.transforms.trust;
