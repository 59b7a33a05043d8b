/** Whether a round is to be computed again, from digests and the clock alone. FORMAT.md 14. */
package dev.sluice.transforms.recompute;
