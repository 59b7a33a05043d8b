/** Sites made up from a known truth, for experiments and tests. Needs the JDK and commons-rng. */
package dev.sluice.transforms.synthetic;
