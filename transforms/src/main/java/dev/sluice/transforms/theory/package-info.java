/**
 * What quantising the uplink costs in Kullback-Leibler divergence: the divergence itself and its
 * bounds. Needs only the JDK.
 */
package dev.sluice.transforms.theory;
