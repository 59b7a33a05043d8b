package dev.sluice.transforms.scores;

import dev.sluice.schemas.ScorePacket;
import dev.sluice.schemas.ScoreReject;
import dev.sluice.schemas.TrueAnswer;
import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.conformal.OutOfRange;
import dev.sluice.transforms.conformal.ScoreQuantizer;
import dev.sluice.transforms.fuzz.FuzzTarget;
import dev.sluice.transforms.fuzz.Scratch;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.function.Consumer;

/** A site's file of score packets or of true answers, down to what the packets say. */
public final class ScoreFilesTarget implements FuzzTarget {
  private static final long MOST_RECORDS = 1000;

  private final NodeChannel channel;
  private final ScoreQuantizer quantizer;

  public ScoreFilesTarget() {
    try {
      channel = NodeChannel.draft("n0", List.of("a", "b", "c", "d", "e"), 16, 3, 20, 1, "scorer");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    quantizer = channel.quantizer(OutOfRange.REFUSE);
  }

  /** A packet of the channel that packets are of. */
  public byte[] packet(String query, double[] scores) {
    return quantizer.encode(channel.budget(), query, scores).bytes();
  }

  @Override
  public boolean accepts(byte[] input) throws IOException {
    String path = Scratch.file("scores-00000.avro", input).toString();
    Count rejects = new Count();
    Count bad = new Count();
    long packets =
        new ScoreFiles("n0", path, rejects)
            .read(
                ScorePacket.getClassSchema(),
                MOST_RECORDS,
                in -> {
                  ScorePacket packet = in.packet(channel.budget().packetBytes());
                  byte[] bytes = new byte[packet.getPacket().remaining()];
                  packet.getPacket().get(bytes);
                  try {
                    quantizer.decode(channel.budget(), packet.getQuery(), bytes);
                  } catch (BadCodesException e) {
                    bad.rejects++;
                  }
                });
    if (packets > 0) {
      return rejects.rejects == 0 && bad.rejects == 0;
    }
    Count others = new Count();
    long answers =
        new ScoreFiles("n0", path, others)
            .read(TrueAnswer.getClassSchema(), MOST_RECORDS, ScoreRecords::answer);
    return answers > 0 && others.rejects == 0;
  }

  private static final class Count implements Consumer<ScoreReject> {
    private int rejects;

    @Override
    public void accept(ScoreReject reject) {
      rejects++;
      if (rejects > 1001) {
        throw new AssertionError(rejects + " rejects");
      }
      if (reject.getDetail().length() > 2000
          || reject.getDetail().chars().anyMatch(Character::isISOControl)) {
        throw new AssertionError("a detail that is not fit to print: " + reject.getDetail());
      }
    }
  }
}
