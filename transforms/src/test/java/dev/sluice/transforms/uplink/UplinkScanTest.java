package dev.sluice.transforms.uplink;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;

import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.RejectedRecord;
import dev.sluice.schemas.UplinkFile;
import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.storage.Storage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.specific.SpecificDatumWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UplinkScanTest {
  @TempDir private Path directory;

  @Test
  void rubbishWithoutEndIsRejectedWithAnEnd() throws IOException {
    PlannedRound round = new PlanDraft("r1", 10, 16).withNode("a", 3).finish("plan.json");
    byte[] sync = new byte[16];
    sync[0] = 1;
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    new DataFileWriter<>(new SpecificDatumWriter<>(CodeBlock.class))
        .create(CodeBlock.getClassSchema(), bytes, sync)
        .close();
    for (int i = 0; i < UplinkScan.MAX_REJECTS + 5000; i++) {
      bytes.write(new byte[] {1, 1}); // minus one record in minus one byte
      bytes.write(sync);
    }
    Path file = directory.resolve("uplink/a/rubbish.avro");
    Files.createDirectories(file.getParent());
    Files.write(file, bytes.toByteArray());

    List<RejectedRecord> rejects = new ArrayList<>();
    UplinkScan.scan(
        round,
        Storage.find(file.toString()).orElseThrow(),
        new UplinkScan.Sink() {
          @Override
          public void file(UplinkFile found) {
            assertThat(found.getBytes(), is((long) bytes.size()));
          }

          @Override
          public void claim(BlockClaim claim) {
            throw new AssertionError(claim.toString());
          }

          @Override
          public void reject(RejectedRecord reject) {
            rejects.add(reject);
          }
        });

    assertThat(rejects, hasSize(UplinkScan.MAX_REJECTS + 1));
    assertThat(rejects.get(0).getReason(), equalTo("corrupt-container"));
    assertThat(rejects.get(rejects.size() - 1).getReason(), equalTo("too-many"));
  }
}
