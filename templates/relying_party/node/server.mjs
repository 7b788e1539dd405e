import { X509Certificate, constants } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';

const read = (name) => readFileSync(new URL(name, import.meta.url), 'utf8');

// Everything that TLS is told, read anew at each reload.
const trust = () => ({
    // The server's own certificate, with the chain behind it, and its key; never from vaca.
    cert: read('server.crt'),
    key: read('server.key'),
    // The root alone: clients send the issuing certificate with their own.
    ca: read('root.pem'),
    // Lists of every level, as an array: of several lists in one text Node.js reads the first alone,
    // and then refuses everybody.
    crl: read('crl.pem').match(/-----BEGIN X509 CRL-----[^-]+-----END X509 CRL-----/g) ?? [],
    minVersion: 'TLSv1.2',
    // A session that is resumed would not be held against the lists again.
    secureOptions: constants.SSL_OP_NO_TICKET,
});

// Who the certificate names, or nothing where it is not of the profile. Node.js verified it before.
const holder = (certificate) => {
    const [unit] = certificate.subject.split('\n');
    if (unit !== 'OU={{ site.unit() }}') return undefined;
{%- if let Some(policy) = site.policy() %}
    // The policy {{ policy }}: this is the extension in the certificate.
    if (!certificate.raw.includes(Buffer.from('{{ octets }}', 'hex'))) return undefined;
{%- endif %}
    const names = (certificate.subjectAltName ?? '').split(', ');
{%- if site.is_user %}
    // The whole address: before the @ alone another domain's user would be the same.
    const found = names.map((name) => /^email:({{ site.name_pattern() }})$/.exec(name));
{%- else %}
    // The whole URI; the id alone says nothing about whose device it is.
    const found = names.map((name) => /^URI:({{ prefix_pattern }}{{ site.name_pattern() }})$/.exec(name));
{%- endif %}
    return found.find(Boolean)?.[1];
};

// The application. What it knows of the client is `identity`, and no header.
const application = (request, response, identity) => {
    response.writeHead(200, { 'Content-Type': 'text/plain' });
    response.end(`welcome, ${identity}\n`);
};

// Without `requestCert` nobody is asked; without `rejectUnauthorized` everybody is let in.
const options = { ...trust(), requestCert: true, rejectUnauthorized: true };
const server = createServer(options, (request, response) => {
    const peer = request.socket.getPeerCertificate();
    const identity = peer.raw && holder(new X509Certificate(peer.raw));
    if (!identity) {
        response.writeHead(403, { 'Content-Type': 'text/plain' });
        response.end('the certificate names nobody of this profile\n');
        return;
    }
    application(request, response, identity);
});

process.on('SIGHUP', () => {
    try {
        server.setSecureContext(trust());
    } catch (error) {
        console.error(`the files are not taken: ${error.message}`);
        return;
    }
    // Who is connected was held against the lists before.
    server.closeAllConnections();
    console.error('the files were read again');
});

server.listen({{ site.place.listen.port() }}, '{{ site.place.listen.ip() }}', () => console.error('ready'));
