/**
 * The student's step of Algorithm 1: a softmax-linear model fitted to a teacher's soft targets on
 * public probes, and the closed form that it approaches. THEORY 7.1. Needs only the JDK.
 */
package dev.sluice.transforms.distillation;
