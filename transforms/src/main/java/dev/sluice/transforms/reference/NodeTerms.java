package dev.sluice.transforms.reference;

/**
 * What of one node's block its certificate needs.
 *
 * @param steps by class, logits; 0 where the class is not sent
 * @param last class that is sent
 * @param rests the decoded correction of each probe, logits
 * @param restSteps its step; 0 where there is none
 * @param byProbe whether it says probe by probe what the rest costs
 * @param unsent that, nats, by {@link Unsent#slot} and probe; or, by slot alone, the mean over the
 *     block's probes of these costs times e^(the probe's correction)
 */
// Arrays are handed over, not shared.
@SuppressWarnings("ArrayRecordComponent")
public record NodeTerms(
    double[] steps,
    int last,
    double[] rests,
    double[] restSteps,
    boolean byProbe,
    double[][] unsent) {}
