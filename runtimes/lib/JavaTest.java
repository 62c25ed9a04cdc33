// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Compiled and run by the built JDK in a job's view: the parts that need native libraries, files of conf/ or certificates.

import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.util.logging.LogManager;
import javax.imageio.ImageIO;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

public class JavaTest {
    static void check(boolean ok, String what) {
        if (!ok)
            throw new AssertionError(what);
    }

    public static void main(String[] args) throws Exception {
        int release = Integer.parseInt(args[0]);
        boolean self = args[1].equals("self");
        check(Runtime.version().feature() == release, "version");
        check(System.getProperty("java.home").equals("/usr/local/jdk"), System.getProperty("java.home"));
        check(System.getProperty("user.home").equals("/work"), System.getProperty("user.home"));

        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init((KeyStore) null);
        int n = 0;
        for (TrustManager manager : factory.getTrustManagers())
            n += ((X509TrustManager) manager).getAcceptedIssuers().length;
        check(n > 100, n + " certificates");
        SSLContext.getDefault();
        MessageDigest.getInstance("SHA3-256");
        LogManager.getLogManager();
        ZonedDateTime.now(ZoneId.of("Europe/Berlin"));

        BufferedImage image = new BufferedImage(64, 64, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = image.createGraphics();
        graphics.setColor(Color.RED);
        graphics.fillOval(4, 4, 50, 50);
        if (self) {
            graphics.setFont(new Font(Font.SANS_SERIF, Font.PLAIN, 12));
            graphics.drawString("joblet", 4, 30);
        }
        check(ImageIO.write(image, "png", new File("t.png")) && ImageIO.write(image, "jpg", new File("t.jpg")), "images");
        check(ImageIO.read(new File("t.jpg")).getWidth() == 64, "jpeg");

        if (release >= 21) {
            Thread thread = (Thread) Thread.class.getMethod("startVirtualThread", Runnable.class)
                    .invoke(null, (Runnable) () -> System.out.println("virtual thread"));
            thread.join();
        }
        // Only libraries of the runtime and the C library, where the host's /usr is used.
        String root = self ? "/usr/" : "/usr/local/jdk/";
        for (String line : Files.readAllLines(Path.of("/proc/self/maps"))) {
            String library = line.replaceFirst("^[^/]*", "");
            String name = library.replaceFirst(".*/", "");
            check(!library.contains(".so") || library.startsWith(root)
                    || name.matches("(lib(c|m|dl|pthread|rt|util|resolv)|ld-linux[^.]*)[.-].*"), "library of the host: " + library);
        }
    }
}
