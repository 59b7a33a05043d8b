/**
 * Codes for vectors: published ones and those they are held against, under one interface. Pure
 * kernels; {@link dev.sluice.transforms.channel.vector.VectorQuantizers} lists them by name.
 */
package dev.sluice.transforms.channel.vector;
