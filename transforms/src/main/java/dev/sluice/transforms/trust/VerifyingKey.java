package dev.sluice.transforms.trust;

import java.io.InvalidObjectException;
import java.io.ObjectStreamException;
import java.io.Serializable;
import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.Signature;
import java.security.SignatureException;
import java.security.spec.X509EncodedKeySpec;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;

/**
 * A public Ed25519 key (RFC 8032), of a point on the curve whose order is not small. Immutable and
 * thread-safe; serialises as its text.
 */
public final class VerifyingKey implements Serializable {
  private static final long serialVersionUID = 1L;

  /** Bytes of a SubjectPublicKeyInfo with such a key. RFC 8410. */
  public static final int DER_BYTES = 44;

  /** Bytes of a signature. */
  public static final int SIGNATURE_BYTES = 64;

  /** Hexadecimal digits of a fingerprint. */
  public static final int FINGERPRINT_DIGITS = 16;

  /** SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING of 32 bytes: they follow. */
  private static final byte[] PREFIX = HexFormat.of().parseHex("302a300506032b6570032100");

  private final String base64;
  private final transient PublicKey key;

  private VerifyingKey(byte[] der) throws BadKeyException {
    if (der.length != DER_BYTES
        || !Arrays.equals(der, 0, PREFIX.length, PREFIX, 0, PREFIX.length)) {
      throw new BadKeyException(
          "found "
              + der.length
              + " bytes of something else, expected an Ed25519 public key: "
              + DER_BYTES
              + " bytes of SubjectPublicKeyInfo");
    }
    checkPoint(Arrays.copyOfRange(der, PREFIX.length, DER_BYTES));
    this.base64 = Base64.getEncoder().encodeToString(der);
    try {
      this.key = KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(der));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e); // of that form, every Java since 15 takes it
    }
  }

  /** The 32 bytes are y, little-endian, and in the topmost bit the sign of x. */
  private static void checkPoint(byte[] encoded) throws BadKeyException {
    byte[] bigEndian = new byte[encoded.length];
    for (int i = 0; i < encoded.length; i++) {
      bigEndian[i] = encoded[encoded.length - 1 - i];
    }
    bigEndian[0] &= 0x7f;
    BigInteger y = new BigInteger(1, bigEndian);
    if (y.compareTo(Edwards25519.P) >= 0 || !Edwards25519.isOfAPoint(y)) {
      throw new BadKeyException("found 32 bytes that are no point of the curve");
    }
    if (Edwards25519.hasSmallOrder(y)) {
      throw new BadKeyException(
          "found a point of small order, under which anyone can sign, expected one made by keygen");
    }
  }

  /**
   * The key of its text in documents.
   *
   * @param base64 of the SubjectPublicKeyInfo, with padding and nothing else
   */
  public static VerifyingKey of(String base64) throws BadKeyException {
    return new VerifyingKey(decode(base64));
  }

  /** Base64 whose spare bits are 0, so that one key has one text. */
  static byte[] decode(String base64) throws BadKeyException {
    byte[] bytes;
    try {
      bytes = Base64.getDecoder().decode(base64);
    } catch (IllegalArgumentException e) {
      throw new BadKeyException("found text that is no base64, expected a key in base64");
    }
    if (!Base64.getEncoder().encodeToString(bytes).equals(base64)) {
      throw new BadKeyException(
          "found base64 that is not canonical, expected padding and spare bits of 0");
    }
    return bytes;
  }

  private Object readResolve() throws ObjectStreamException {
    try {
      return of(base64);
    } catch (BadKeyException e) {
      throw new InvalidObjectException(e.getMessage());
    }
  }

  /** Base64 of the SubjectPublicKeyInfo. */
  public String base64() {
    return base64;
  }

  /** The first digits of the hexadecimal SHA-256 of the SubjectPublicKeyInfo, for people. */
  public String fingerprint() {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256").digest(Base64.getDecoder().decode(base64));
      return HexFormat.of().formatHex(digest, 0, FINGERPRINT_DIGITS / 2);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Whether the holder of the private key signed a message. */
  public boolean verifies(byte[] message, byte[] signature) {
    if (signature.length != SIGNATURE_BYTES) {
      return false;
    }
    try {
      Signature ed25519 = Signature.getInstance("Ed25519");
      ed25519.initVerify(key);
      ed25519.update(message);
      return ed25519.verify(signature);
    } catch (SignatureException e) {
      return false; // S beyond the group's order, or R no point: nobody's signature
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof VerifyingKey that && that.base64.equals(base64);
  }

  @Override
  public int hashCode() {
    return base64.hashCode();
  }

  @Override
  public String toString() {
    return fingerprint();
  }
}
