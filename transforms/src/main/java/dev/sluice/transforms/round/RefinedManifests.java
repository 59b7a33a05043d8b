package dev.sluice.transforms.round;

import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.RefinedRound;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** The manifests of the rounds that a round refines, for what is said of them beside it. */
public final class RefinedManifests {
  private RefinedManifests() {}

  /**
   * Those that are there and still of the digits that were refined; so what they certify is a
   * function of the refining plan.
   *
   * @param directories where the refined rounds are, in the plan's order
   */
  public static List<Manifest> read(PlannedRound round, List<RoundDirectory> directories)
      throws IOException {
    List<Manifest> manifests = new ArrayList<>();
    for (int i = 0; i < directories.size(); i++) {
      String file = directories.get(i).manifest();
      if (Storage.find(file).isPresent()) {
        Manifest manifest =
            PlainJson.read(
                Manifest.class,
                Manifest.getClassSchema(),
                Storage.read(file, PlainJson.MAX_BYTES),
                file);
        if (isOf(round.refined().get(i), manifest)) {
          manifests.add(manifest);
        }
      }
    }
    return manifests;
  }

  private static boolean isOf(RefinedRound refined, Manifest manifest) {
    boolean same =
        manifest.getPlanDigest().equals(refined.getPlanDigest())
            && manifest.getNodes().size() == refined.getBlocks().size();
    for (int node = 0; same && node < refined.getBlocks().size(); node++) {
      same =
          manifest.getNodes().get(node).getBlocks() == refined.getBlocks().get(node)
              && manifest.getNodes().get(node).getDigest().equals(refined.getDigests().get(node));
    }
    return same;
  }
}
