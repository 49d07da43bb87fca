import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.generic.GenericRecordBuilder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Take in what the service delivers to one channel, with kafka-clients and avro alone: store it once, then say so.
 *
 * <p>Arguments: bootstrap, answers topic of the channel, receipts topic, Delivered.avsc, Receipted.avsc, schema id of
 * Receipted, folder to store in, how many different deliveries to wait for. Ends with 0, or 4 when fewer came in 60 s.
 *
 * <p>The order is what matters: store, send the receipt, wait for the broker, commit the offset. Whatever breaks in
 * between, the same delivery comes again, finds itself stored, and is acknowledged again.
 */
public final class KafkaReceiverExample {
  private static final int PREFIX_BYTES = 5; // a zero byte and the schema's id

  public static void main(String[] arguments) throws Exception {
    Schema delivered = new Schema.Parser().parse(new File(arguments[3]));
    Schema receipted = new Schema.Parser().parse(new File(arguments[4]));
    Path folder = Path.of(arguments[6]);
    int wanted = Integer.parseInt(arguments[7]);
    Instant deadline = Instant.now().plusSeconds(60);
    int stored = 0;
    try (KafkaConsumer<String, byte[]> answers = reading(arguments[0], arguments[1]);
        KafkaProducer<String, byte[]> receipts = writing(arguments[0])) {
      while (stored < wanted && Instant.now().isBefore(deadline)) {
        ConsumerRecords<String, byte[]> messages = answers.poll(Duration.ofMillis(500));
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (ConsumerRecord<String, byte[]> message : messages) {
          GenericRecord delivery = decoded(message.value(), delivered);
          stored += store(folder, delivery) ? 1 : 0;
          byte[] receipt = encoded(receipt(delivery, receipted), Integer.parseInt(arguments[5]));
          String id = delivery.get("delivery_id").toString();
          sent.add(receipts.send(withHeaders(new ProducerRecord<>(arguments[2], id, receipt), id)));
        }
        for (Future<RecordMetadata> one : sent) {
          one.get(); // throws when the broker does not confirm: then nothing is committed and all of it comes again
        }
        answers.commitSync();
      }
    }
    System.exit(stored >= wanted ? 0 : 4);
  }

  /** Stores the body under the delivery's id; false where it was there before. A crash leaves no half file. */
  private static boolean store(Path folder, GenericRecord delivery) throws Exception {
    byte[] body = delivery.get("body").toString().getBytes(StandardCharsets.UTF_8);
    if (!sha256(body).equals(delivery.get("sha256").toString())) {
      throw new IllegalStateException("delivery " + delivery.get("delivery_id") + " was changed on its way");
    }
    Path target = folder.resolve(delivery.get("delivery_id") + ".json");
    if (Files.exists(target)) {
      return false;
    }
    Path unfinished = Files.createTempFile(folder, "delivery", ".part");
    Files.write(unfinished, body);
    Files.move(unfinished, target, StandardCopyOption.ATOMIC_MOVE);
    System.out.println(delivery.get("kind") + " " + delivery.get("subject_id") + " " + delivery.get("business_ref"));
    return true;
  }

  /** Says what is stored. Whoever puts a report at its place sets "embedded_at_target" too, and only then. */
  private static GenericRecord receipt(GenericRecord delivery, Schema schema) throws Exception {
    byte[] body = delivery.get("body").toString().getBytes(StandardCharsets.UTF_8);
    return new GenericRecordBuilder(schema)
        .set("delivery_id", delivery.get("delivery_id"))
        .set("channel", delivery.get("channel"))
        .set("received_at", Instant.now().toEpochMilli() * 1000)
        .set("sha256", sha256(body))
        .build();
  }

  private static KafkaConsumer<String, byte[]> reading(String bootstrap, String topic) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", bootstrap);
    settings.put("group.id", "credit-system");
    settings.put("enable.auto.commit", "false");
    settings.put("auto.offset.reset", "earliest");
    KafkaConsumer<String, byte[]> consumer =
        new KafkaConsumer<>(settings, new StringDeserializer(), new ByteArrayDeserializer());
    consumer.subscribe(List.of(topic));
    return consumer;
  }

  private static KafkaProducer<String, byte[]> writing(String bootstrap) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", bootstrap);
    settings.put("acks", "all");
    settings.put("enable.idempotence", "true");
    return new KafkaProducer<>(settings, new StringSerializer(), new ByteArraySerializer());
  }

  private static ProducerRecord<String, byte[]> withHeaders(ProducerRecord<String, byte[]> record, String id) {
    Map<String, String> headers =
        Map.of(
            "ce_specversion", "1.0",
            "ce_id", "receipt-" + id,
            "ce_type", "cn.housevaluation.Receipted",
            "ce_source", "bank/credit-system",
            "ce_time", Instant.now().toString(),
            "content-type", "application/avro");
    headers.forEach((name, text) -> record.headers().add(name, text.getBytes(StandardCharsets.UTF_8)));
    return record;
  }

  private static GenericRecord decoded(byte[] bytes, Schema schema) throws Exception {
    return new GenericDatumReader<GenericRecord>(schema)
        .read(null, DecoderFactory.get().binaryDecoder(bytes, PREFIX_BYTES, bytes.length - PREFIX_BYTES, null));
  }

  private static byte[] encoded(GenericRecord record, int schemaId) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    DataOutputStream prefix = new DataOutputStream(out);
    prefix.writeByte(0);
    prefix.writeInt(schemaId);
    BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(out, null);
    new GenericDatumWriter<GenericRecord>(record.getSchema()).write(record, encoder);
    encoder.flush();
    return out.toByteArray();
  }

  private static String sha256(byte[] bytes) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }
}
