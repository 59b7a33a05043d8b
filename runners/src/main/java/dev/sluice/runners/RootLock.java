package dev.sluice.runners;

import dev.sluice.transforms.round.BadInputException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * One scheduler at a time for a root: a lock of the operating system's on a file in it, which is
 * gone with the process that held it, however that ended. What the file says is for people.
 */
final class RootLock implements AutoCloseable {
  private static final String FILE = ".recompute.lock";
  private static final int MAX_BYTES = 1 << 12;

  /**
   * Roots that this process holds. The operating system's lock is the process's: to open and close
   * the file once more would let it go.
   */
  private static final Map<Path, String> HELD = new ConcurrentHashMap<>();

  /** Somebody else has the root. */
  static final class HeldException extends Exception {
    private static final long serialVersionUID = 1L;

    HeldException(String message) {
      super(message);
    }
  }

  private final Path root;
  private final String holder;
  private final FileChannel channel;

  private RootLock(Path root, String holder, FileChannel channel) {
    this.root = root;
    this.holder = holder;
    this.channel = channel;
  }

  /**
   * Takes the lock.
   *
   * @param root a directory
   * @throws HeldException if another holds it; its message says who
   * @throws IOException if the root cannot be written to, or its filesystem has no locks
   */
  static RootLock take(Path root, Instant now) throws IOException, HeldException {
    Path real = root.toRealPath();
    String holder =
        "process "
            + ProcessHandle.current().pid()
            + " on "
            + host()
            + ", since "
            + now.truncatedTo(ChronoUnit.SECONDS);
    String other = HELD.putIfAbsent(real, holder);
    if (other != null) {
      throw new HeldException(message(root, other));
    }
    FileChannel channel = null;
    boolean taken = false;
    try {
      channel =
          FileChannel.open(
              real.resolve(FILE),
              StandardOpenOption.CREATE,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE);
      FileLock lock = channel.tryLock();
      if (lock == null) {
        throw new HeldException(message(root, said(channel)));
      }
      RootLock held = new RootLock(real, holder, channel);
      held.touch();
      taken = true;
      return held;
    } catch (AccessDeniedException e) {
      throw new BadInputException(
          root + ": a recomputation writes there, and may not: permission denied", e);
    } catch (FileSystemException e) {
      throw new BadInputException(
          root
              + ": a recomputation writes there, and cannot: "
              + (e.getReason() == null ? e.getMessage() : e.getReason()),
          e);
    } finally {
      if (!taken) {
        HELD.remove(real);
        if (channel != null) {
          channel.close();
        }
      }
    }
  }

  private static String message(Path root, String holder) {
    return root
        + ": another recomputation is at work there: "
        + (holder.isEmpty() ? "it has not said who it is" : holder);
  }

  private static String said(FileChannel channel) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(MAX_BYTES);
    channel.read(bytes, 0);
    bytes.flip();
    return Texts.printable(StandardCharsets.UTF_8.decode(bytes).toString().strip());
  }

  private static String host() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      return "a host without a name";
    }
  }

  /**
   * Writes the lock's file anew.
   *
   * @return when, by the filesystem's own clock: nanoseconds since 1970
   */
  long touch() throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap((holder + "\n").getBytes(StandardCharsets.UTF_8));
    try {
      channel.truncate(0);
      long at = 0;
      while (bytes.hasRemaining()) {
        at += channel.write(bytes, at);
      }
      channel.force(true);
    } catch (IOException e) { // which does not say where the disk is full
      throw new IOException("cannot write " + root.resolve(FILE) + ": " + e.getMessage(), e);
    }
    FileStat stat = FileStat.of(root.resolve(FILE));
    return stat.changed().orElse(stat.modified());
  }

  @Override
  public void close() throws IOException {
    try {
      channel.truncate(0);
      channel.close(); // and with it the lock
    } finally {
      HELD.remove(root);
    }
  }
}
