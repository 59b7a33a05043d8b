/**
 * Number formats narrower than float32, each bit for bit as its specification has it; what {@link
 * dev.sluice.transforms.channel.vector} sends coordinates and scales in.
 */
package dev.sluice.transforms.channel.format;
