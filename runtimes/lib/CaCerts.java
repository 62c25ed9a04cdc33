// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Writes the trust store of a JDK from PEM files: PKCS #12 without password, salts or dates, so that the same
// certificates give the same bytes. Usage: CaCerts.java OUT PEM...

import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;

public class CaCerts {
    public static void main(String[] args) throws Exception {
        System.setProperty("keystore.pkcs12.certProtectionAlgorithm", "NONE");
        System.setProperty("keystore.pkcs12.macAlgorithm", "NONE");
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        for (int i = 1; i < args.length; i++) {
            String name = Path.of(args[i]).getFileName().toString().replaceFirst("\\.[a-z]+$", "").toLowerCase();
            int n = 0;
            try (InputStream in = Files.newInputStream(Path.of(args[i]))) {
                for (Certificate certificate : factory.generateCertificates(in))
                    store.setCertificateEntry(n++ == 0 ? name : name + "-" + n, certificate);
            }
        }
        try (OutputStream out = Files.newOutputStream(Path.of(args[0]))) {
            store.store(out, null);
        }
        System.err.println(store.size() + " certificates");
    }
}
