package dev.sluice.pipelines;

import dev.sluice.schemas.BlockLayout;
import dev.sluice.schemas.ClipPolicy;
import dev.sluice.schemas.RoundPlan;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.RoundFixture;
import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlannedRound;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Small rounds: 17 probes of 20 logits, 6 blocks in 3 shards, the last block short. */
final class Rounds {
  private Rounds() {}

  static RoundFixture of(String clip, double... bits) throws IOException {
    return of("dither", clip, bits);
  }

  static RoundFixture of(String quantizer, String clip, double... bits) throws IOException {
    ClipPolicy policy =
        clip.equals("auto") || clip.equals("probe")
            ? new ClipPolicy(clip, null, null)
            : new ClipPolicy("fixed", Double.valueOf(clip), null);
    PlanDraft draft = new PlanDraft("r1", 17, 20).withClip(policy).withQuantizer(quantizer);
    for (int node = 0; node < bits.length; node++) {
      draft.withNode("node-" + node, bits[node]);
    }
    RoundPlan plan = draft.finish("plan.json").plan();
    plan.setLayout(new BlockLayout(3, 2));
    return new RoundFixture(PlannedRound.parse(PlainJson.write(plan), "plan.json"), 5);
  }

  /** Files whose names, or whose directories', begin with a dot, relative to the directory. */
  static List<String> leftovers(Path directory) throws IOException {
    try (Stream<Path> tree = Files.walk(directory)) {
      return tree.filter(Files::isRegularFile)
          .map(file -> directory.relativize(file).toString())
          .filter(name -> name.startsWith(".") || name.contains("/."))
          .sorted()
          .toList();
    }
  }
}
