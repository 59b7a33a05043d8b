/**
 * Keyed orthonormal transforms that spread a vector's energy evenly, and the check of how many
 * rounds a vector needs. Pure kernels.
 */
package dev.sluice.transforms.channel.rotation;
