/** Matrices in numpy's {@code .npy} format over NIO channels, row by row. Needs only the JDK. */
package dev.sluice.schemas.npy;
