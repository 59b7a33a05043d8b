/**
 * Tables of the codes for vectors: levels and words that are optimal for what a random rotation
 * leaves. All are computed here, in a fixed order and with {@link StrictMath}, so that they are the
 * same on every platform.
 */
package dev.sluice.transforms.channel.codebook;
