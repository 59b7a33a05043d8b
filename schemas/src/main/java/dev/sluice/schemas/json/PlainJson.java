package dev.sluice.schemas.json;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.StreamWriteFeature;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.CharArrayReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import org.apache.avro.Schema;
import org.apache.avro.generic.IndexedRecord;
import org.apache.avro.specific.SpecificData;
import org.apache.avro.specific.SpecificRecord;

/**
 * Avro records as the JSON a person would write: fields under their names, a nullable field either
 * its value or null, no type wrappers. The schema is the whole grammar: a missing, misspelt or
 * mistyped field is an error that names the document, the field, what was found and what was
 * expected. FORMAT.md 1.
 *
 * <p>Types in use: record, array, string, int, long, double, boolean, and the union of null with
 * one of them.
 */
public final class PlainJson {
  /** Longest document read, in bytes: a plan of 100 000 nodes is about 10 MiB. */
  public static final int MAX_BYTES = 64 << 20;

  private static final ObjectMapper MAPPER =
      new ObjectMapper(
              JsonFactory.builder()
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  // Shortest decimals by Jackson's own code: Double.toString differs between JDKs.
                  .enable(StreamWriteFeature.USE_FAST_DOUBLE_WRITER)
                  .streamReadConstraints(
                      StreamReadConstraints.builder().maxNestingDepth(32).build())
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS);

  private PlainJson() {}

  /**
   * Reads one document.
   *
   * @param schema schema of a generated record
   * @param source name of the document, for messages
   * @throws JsonDocumentException if the bytes are no JSON document of that schema
   */
  public static <T extends SpecificRecord> T read(
      Class<T> type, Schema schema, byte[] utf8, String source) throws JsonDocumentException {
    return type.cast(record(schema, tree(utf8, source), source, ""));
  }

  /**
   * Reads any document, for those who have it lie over another before it is a record.
   *
   * @param source name of the document, for messages
   * @throws JsonDocumentException if the bytes are no JSON document
   */
  public static JsonNode tree(byte[] utf8, String source) throws JsonDocumentException {
    if (utf8.length > MAX_BYTES) {
      throw new JsonDocumentException(
          source, "", utf8.length + " bytes", "at most " + MAX_BYTES + " bytes");
    }
    try {
      // Decoded here, as Jackson would guess at UTF-16 and UTF-32 too.
      CharBuffer text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(utf8));
      return MAPPER.readTree(new CharArrayReader(text.array(), 0, text.length()));
    } catch (CharacterCodingException e) {
      throw new JsonDocumentException(source + ": not a JSON document: not UTF-8");
    } catch (NumberFormatException | ArithmeticException e) {
      throw new JsonDocumentException(
          source + ": not a JSON document: a number whose exponent is beyond 32 bits");
    } catch (JsonProcessingException e) {
      String where =
          e.getLocation() == null
              ? ""
              : " (line "
                  + e.getLocation().getLineNr()
                  + ", column "
                  + e.getLocation().getColumnNr()
                  + ")";
      throw new JsonDocumentException(
          source + ": not a JSON document: " + forPeople(e.getOriginalMessage()) + where);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Without advice on how to set up the parser. */
  private static String forPeople(String message) {
    return message.replaceFirst(": enable `[A-Za-z.]*JsonReadFeature[^`]*` to allow", "");
  }

  /** Writes a record as an indented document, fields in schema order, with a final newline. */
  public static byte[] write(SpecificRecord record) {
    return write(toTree(record));
  }

  /** Writes a tree in the same layout. */
  public static byte[] write(JsonNode tree) {
    DefaultPrettyPrinter printer =
        new DefaultPrettyPrinter()
            .withObjectIndenter(new DefaultIndenter("  ", "\n"))
            .withArrayIndenter(new DefaultIndenter("  ", "\n"));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (JsonGenerator generator = MAPPER.createGenerator(out)) {
      generator.setPrettyPrinter(printer);
      MAPPER.writeTree(generator, tree);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    out.write('\n');
    return out.toByteArray();
  }

  /** Writes a record on one line, without a newline. */
  public static String line(SpecificRecord record) {
    try {
      return MAPPER.writeValueAsString(toTree(record));
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The record as a JSON tree. */
  public static ObjectNode toTree(SpecificRecord record) {
    return (ObjectNode) tree(record.getSchema(), record);
  }

  private static Object value(Schema schema, JsonNode node, String source, String path)
      throws JsonDocumentException {
    switch (schema.getType()) {
      case UNION:
        return node.isNull() ? null : value(nonNull(schema), node, source, path);
      case RECORD:
        return record(schema, node, source, path);
      case ARRAY:
        expect(node.isArray(), node, "an array", source, path);
        List<Object> items = new ArrayList<>(node.size());
        for (int i = 0; i < node.size(); i++) {
          items.add(value(schema.getElementType(), node.get(i), source, path + "[" + i + "]"));
        }
        return items;
      case STRING:
        expect(node.isTextual(), node, "a string", source, path);
        return node.textValue();
      case INT:
        expect(
            node.isIntegralNumber() && node.canConvertToInt(),
            node,
            "a whole number of 32 bits",
            source,
            path);
        return node.intValue();
      case LONG:
        expect(
            node.isIntegralNumber() && node.canConvertToLong(),
            node,
            "a whole number of 64 bits",
            source,
            path);
        return node.longValue();
      case BOOLEAN:
        expect(node.isBoolean(), node, "true or false", source, path);
        return node.booleanValue();
      case DOUBLE:
        expect(
            node.isNumber() && Double.isFinite(node.doubleValue()),
            node,
            "a finite number",
            source,
            path);
        return node.doubleValue();
      default:
        throw new IllegalArgumentException("no JSON form for Avro type " + schema.getType());
    }
  }

  private static Object record(Schema schema, JsonNode node, String source, String path)
      throws JsonDocumentException {
    expect(node.isObject(), node, "an object with the fields of " + schema.getName(), source, path);
    for (Iterator<String> names = node.fieldNames(); names.hasNext(); ) {
      String name = names.next();
      if (schema.getField(name) == null) {
        List<String> known = schema.getFields().stream().map(Schema.Field::name).toList();
        throw new JsonDocumentException(
            source, join(path, name), "an unknown field", "one of " + String.join(", ", known));
      }
    }
    IndexedRecord record =
        (IndexedRecord) SpecificData.newInstance(SpecificData.get().getClass(schema), schema);
    for (Schema.Field field : schema.getFields()) {
      JsonNode child = node.get(field.name());
      String childPath = join(path, field.name());
      if (child == null) {
        if (field.schema().getType() != Schema.Type.UNION) {
          throw new JsonDocumentException(
              source, childPath, "nothing", describe(field.schema()) + " (" + field.doc() + ")");
        }
        record.put(field.pos(), null);
      } else {
        record.put(field.pos(), value(field.schema(), child, source, childPath));
      }
    }
    return record;
  }

  private static JsonNode tree(Schema schema, Object value) {
    JsonNodeFactory nodes = JsonNodeFactory.instance;
    if (value == null) {
      return nodes.nullNode();
    }
    switch (schema.getType()) {
      case UNION:
        return tree(nonNull(schema), value);
      case RECORD:
        ObjectNode object = nodes.objectNode();
        for (Schema.Field field : schema.getFields()) {
          object.set(field.name(), tree(field.schema(), ((IndexedRecord) value).get(field.pos())));
        }
        return object;
      case ARRAY:
        ArrayNode array = nodes.arrayNode();
        for (Object item : (List<?>) value) {
          array.add(tree(schema.getElementType(), item));
        }
        return array;
      case STRING:
        return nodes.textNode(value.toString());
      case INT:
        return nodes.numberNode((Integer) value);
      case LONG:
        return nodes.numberNode((Long) value);
      case BOOLEAN:
        return nodes.booleanNode((Boolean) value);
      case DOUBLE:
        return nodes.numberNode((Double) value);
      default:
        throw new IllegalArgumentException("no JSON form for Avro type " + schema.getType());
    }
  }

  private static Schema nonNull(Schema union) {
    return union.getTypes().stream()
        .filter(type -> type.getType() != Schema.Type.NULL)
        .findFirst()
        .orElseThrow();
  }

  private static void expect(
      boolean holds, JsonNode found, String expected, String source, String path)
      throws JsonDocumentException {
    if (!holds) {
      String text = found.isMissingNode() ? "nothing" : found.toString();
      String shown = text.length() <= 60 ? text : text.substring(0, 57) + "...";
      throw new JsonDocumentException(source, path, shown, expected);
    }
  }

  private static String describe(Schema schema) {
    return schema.getType().getName().toLowerCase(Locale.ROOT);
  }

  private static String join(String path, String name) {
    return path.isEmpty() ? name : path + "." + name;
  }
}
