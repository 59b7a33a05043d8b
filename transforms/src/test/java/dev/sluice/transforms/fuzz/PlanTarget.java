package dev.sluice.transforms.fuzz;

import dev.sluice.schemas.json.JsonDocumentException;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.round.BadPlanException;
import dev.sluice.transforms.round.PlannedRound;
import java.io.IOException;

/** plan.json, and what both ends derive from it. */
final class PlanTarget implements FuzzTarget {
  @Override
  public boolean accepts(byte[] input) throws IOException {
    PlannedRound round;
    try {
      round = PlannedRound.parse(input, "plan.json");
    } catch (JsonDocumentException | BadPlanException e) {
      return false;
    }
    if (round.blocks() < 1 || round.shards() < 1 || round.shards() > round.blocks()) {
      throw new AssertionError(round.blocks() + " blocks in " + round.shards() + " shards");
    }
    if (!PlannedRound.parse(PlainJson.write(round.plan()), "again").plan().equals(round.plan())) {
      throw new AssertionError("written and read again it is another plan");
    }
    for (int node = 0; node < round.nodes().size(); node++) {
      round.planes(node, round.blocks() - 1);
      round.fixedClip(node);
    }
    return true;
  }
}
