import com.jcraft.jsch.JSch;
import com.jcraft.jsch.Session;
import java.net.Socket;

/**
 * What database tools in Java do: a local port that leads through an SSH server, and a connection to it.
 * Arguments: port of the server, user, key file, known_hosts, host to reach, its port. Prints what came through.
 */
public class Forward {
    public static void main(String[] said) throws Exception {
        JSch jsch = new JSch();
        jsch.setKnownHosts(said[3]);
        jsch.addIdentity(said[2]);
        Session session = jsch.getSession(said[1], "127.0.0.1", Integer.parseInt(said[0]));
        session.setConfig("StrictHostKeyChecking", "yes");
        session.connect(20_000);
        try {
            int port = session.setPortForwardingL("127.0.0.1", 0, said[4], Integer.parseInt(said[5]));
            try (Socket socket = new Socket("127.0.0.1", port)) {
                socket.setSoTimeout(20_000);
                // No half is closed and no end is waited for: the library takes one end for both, and passes on neither by itself.
                System.out.print(new String(socket.getInputStream().readNBytes("welcome".length()), "UTF-8"));
            }
        } finally {
            session.disconnect();
        }
    }
}
