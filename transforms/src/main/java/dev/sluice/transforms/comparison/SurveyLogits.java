package dev.sluice.transforms.comparison;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.npy.NpyRows;
import dev.sluice.transforms.channel.BadLogitException;
import dev.sluice.transforms.channel.BlockDecoder;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.reference.ReferenceBlock;
import dev.sluice.transforms.round.BadInputException;
import java.io.IOException;
import org.apache.beam.sdk.coders.DoubleCoder;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;

/**
 * Reads every file of logits once: each must be such as any channel can send, and how far a node's
 * logits reach from the midrange of their row, which some channels must know before the first row.
 */
@AutoValue
public abstract class SurveyLogits
    extends PTransform<PCollection<Integer>, PCollection<KV<Integer, Double>>> {
  abstract ComparisonSettings settings();

  /** Surveys the files of a comparison; the reference is node K. */
  public static SurveyLogits of(ComparisonSettings settings) {
    return new AutoValue_SurveyLogits(settings);
  }

  /** How many files there are to survey. */
  public static int files(ComparisonSettings settings) {
    return settings.logits().size() + (settings.reference() == null ? 0 : 1);
  }

  @Override
  public PCollection<KV<Integer, Double>> expand(PCollection<Integer> files) {
    return files
        .apply("Read", ParDo.of(new SurveyFn(settings())))
        .setCoder(KvCoder.of(VarIntCoder.of(), DoubleCoder.of()));
  }

  private static class SurveyFn extends DoFn<Integer, KV<Integer, Double>> {
    private static final long serialVersionUID = 1L;
    private final ComparisonSettings settings;

    SurveyFn(ComparisonSettings settings) {
      this.settings = settings;
    }

    @ProcessElement
    public void survey(@Element Integer index, OutputReceiver<KV<Integer, Double>> out)
        throws IOException {
      boolean isReference = index == settings.logits().size();
      String file = isReference ? settings.reference().path() : settings.logits().get(index).path();
      double[] row = new double[settings.vocabulary()];
      double[] centred = new double[settings.vocabulary()];
      ReferenceBlock reference = new ReferenceBlock(isReference ? 1 : 0, row.length);
      double[] magnitude = new double[1];
      double largest = 0;
      try (NpyRows rows = NpyLogits.rows(file)) {
        for (long probe = 0; probe < settings.probes(); probe++) {
          rows.read(probe, probe + 1, row, 0);
          try {
            System.arraycopy(row, 0, centred, 0, row.length);
            Centring.centre(centred, 1, row.length, Centring.Masking.FORBIDDEN, magnitude);
            if (isReference) {
              reference.derive(row, 1);
            }
          } catch (BadLogitException e) {
            throw new BadInputException(
                file
                    + ": probe "
                    + probe
                    + ", coordinate "
                    + e.coordinate()
                    + ": found "
                    + e.value()
                    + ", expected "
                    + (isReference
                        ? "a finite number, at most 700 below its row's largest"
                        : "a finite number"),
                e);
          }
          largest = Math.max(largest, magnitude[0]);
        }
      }
      double most =
          Math.min(Centring.MAX_PROBE_CLIP, BlockDecoder.MAX_CLIP / settings.logits().size());
      if (largest > most) {
        throw new BadInputException(
            file + ": logits reach " + largest + " from their midrange, expected at most " + most);
      }
      out.output(KV.of(index, largest));
    }
  }
}
