package dev.sluice.transforms.trust;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;

/**
 * Keys as PEM (RFC 7468), as OpenSSL and others write them: {@code PUBLIC KEY} and {@code PRIVATE
 * KEY}. Between keys there may be empty lines and lines that begin with '#', and nothing else, so
 * that a key that was cut or misspelt is not passed over.
 */
public final class KeyPem {
  /** Longest file of keys, in bytes. */
  public static final int MAX_BYTES = 16 << 10;

  private static final String PUBLIC = "PUBLIC KEY";
  private static final String PRIVATE = "PRIVATE KEY";

  private KeyPem() {}

  private record Block(String label, String base64) {}

  /** The public keys of a file, at least one, in its order. */
  public static List<VerifyingKey> publicKeys(byte[] file) throws BadKeyException {
    List<VerifyingKey> keys = new ArrayList<>();
    for (Block block : blocks(file)) {
      if (block.label().endsWith(PRIVATE)) {
        throw new BadKeyException(
            "found a private key, expected a public one; the private key is its owner's alone");
      }
      keys.add(VerifyingKey.of(body(block, PUBLIC)));
    }
    if (keys.isEmpty()) {
      throw nothing(PUBLIC);
    }
    return keys;
  }

  /** The one public key of a file. */
  public static VerifyingKey publicKey(byte[] file) throws BadKeyException {
    List<VerifyingKey> keys = publicKeys(file);
    if (keys.size() != 1) {
      throw new BadKeyException("found " + keys.size() + " keys, expected one");
    }
    return keys.get(0);
  }

  /** The private key of a file. */
  public static SigningKey privateKey(byte[] file) throws BadKeyException {
    List<Block> blocks = blocks(file);
    if (blocks.isEmpty()) {
      throw nothing(PRIVATE);
    }
    if (blocks.size() != 1) {
      throw new BadKeyException("found " + blocks.size() + " keys, expected one");
    }
    if (blocks.get(0).label().equals("ENCRYPTED PRIVATE KEY")) {
      throw new BadKeyException(
          "found an encrypted private key, expected one that is not:"
              + " 'openssl pkey -in FILE' decrypts it");
    }
    return SigningKey.ofDer(VerifyingKey.decode(body(blocks.get(0), PRIVATE)));
  }

  /** A public key as a file. */
  public static byte[] of(VerifyingKey key) {
    return pem(PUBLIC, key.base64());
  }

  /** A private key as a file. */
  public static byte[] of(SigningKey key) {
    return pem(PRIVATE, Base64.getEncoder().encodeToString(key.der()));
  }

  private static byte[] pem(String label, String base64) {
    String text = "-----BEGIN " + label + "-----\n" + base64 + "\n-----END " + label + "-----\n";
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  private static String body(Block block, String label) throws BadKeyException {
    if (!block.label().equals(label)) {
      throw new BadKeyException(
          "found '-----BEGIN "
              + block.label()
              + "-----', expected '-----BEGIN "
              + label
              + "-----'");
    }
    return block.base64();
  }

  private static BadKeyException nothing(String label) {
    return new BadKeyException("found no key, expected '-----BEGIN " + label + "-----'");
  }

  private static List<Block> blocks(byte[] file) throws BadKeyException {
    if (file.length > MAX_BYTES) {
      throw new BadKeyException(
          "found " + file.length + " bytes, expected at most " + MAX_BYTES + " of keys");
    }
    List<Block> blocks = new ArrayList<>();
    Optional<String> open = Optional.empty();
    StringBuilder base64 = new StringBuilder();
    int number = 0;
    for (String line : new String(file, StandardCharsets.ISO_8859_1).lines().toList()) {
      number++;
      String text = line.stripTrailing();
      if (open.isPresent() && text.equals("-----END " + open.get() + "-----")) {
        blocks.add(new Block(open.get(), base64.toString()));
        open = Optional.empty();
        base64.setLength(0);
      } else if (open.isPresent() && text.matches("[A-Za-z0-9+/=]+")) {
        base64.append(text);
      } else if (open.isEmpty() && text.matches("-----BEGIN [A-Z0-9 ]{1,40}-----")) {
        open = Optional.of(text.substring("-----BEGIN ".length(), text.length() - 5));
      } else if (open.isPresent() || !(text.isEmpty() || text.startsWith("#"))) {
        throw new BadKeyException(
            "line " + number + " is no PEM: expected '-----BEGIN', base64, '-----END'");
      }
    }
    if (open.isPresent()) {
      throw new BadKeyException("it ends inside a key: no '-----END " + open.get() + "-----'");
    }
    return blocks;
  }
}
