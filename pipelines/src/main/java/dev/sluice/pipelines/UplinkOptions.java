package dev.sluice.pipelines;

import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.PipelineOptions;

/** How a round's uplinks are laid out as a graph. */
public interface UplinkOptions extends PipelineOptions {
  /** Up to how many nodes each uplink is a branch of the graph. */
  @Description(
      "Up to this many nodes, each uplink is its own branch of the graph, and shows under its own"
          + " name; beyond, one branch reads all, so that building the graph does not take longer"
          + " than the work, and a cluster need not keep buffers for each.")
  @Default.Integer(32)
  int getNodeBranches();

  /** Sets it. */
  void setNodeBranches(int branches);
}
