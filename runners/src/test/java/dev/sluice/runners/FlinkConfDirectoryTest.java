package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.startsWith;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FlinkConfDirectoryTest {
  @TempDir Path temporary;

  @Test
  void isGoneWhenClosed() throws IOException {
    Path path;
    try (FlinkConfDirectory conf = FlinkConfDirectory.create(2)) {
      path = Path.of(conf.path());
      Files.writeString(Files.createDirectory(path.resolve("scratch")).resolve("x"), "1");
    }
    assertThat(Files.exists(path), is(false));
  }

  @Test
  void isGoneWhenTheProcessEndsBefore() throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Djava.io.tmpdir=" + temporary,
                "-cp",
                System.getProperty("java.class.path"),
                NeverCloses.class.getName())
            .redirectErrorStream(true)
            .start();
    process.getOutputStream().close();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(said, process.waitFor(), is(7));
    assertThat(said, startsWith(temporary.resolve("sluice-flink-").toString()));
    try (Stream<Path> left = Files.list(temporary)) {
      assertThat(left.filter(path -> path.toString().contains("sluice")).toList(), is(empty()));
    }
  }

  /** What is left when a process is interrupted in the middle of a job. */
  static final class NeverCloses {
    @SuppressWarnings("try") // not closing it is the point
    public static void main(String[] args) throws IOException {
      FlinkConfDirectory conf = FlinkConfDirectory.create(1);
      System.out.println(conf.path() + " " + Files.exists(Path.of(conf.path())));
      System.exit(7);
    }
  }
}
