// Planned words: proxying of IMAP, POP3 and SMTP. Their rows have no binder, so checks, help and completion know the
// words while starting refuses them. add_planned() puts the table into the index once at start; it is static data. A
// row moves to its feature's file once the feature is built, which is why rows stand by module.
#include "nginx/context.h"
#include "nginx/planned.h"

namespace weir::nginx {
namespace {

using config::as_harmless;
using config::Block;
using config::Inherit;

constexpr config::Row kRows[] = {
    // ngx_mail
    as_harmless({"mail", kMain, 0, 0, Block::required, Inherit::none, nullptr, "{ ... }",
                 "Holds everything that concerns proxying of IMAP, POP3 and SMTP."}),
    // ngx_mail_core_module
    {"server", kMail, 0, 0, Block::required, Inherit::none, nullptr, "{ ... }", "Settings of one mail server."},
    {"listen", kMailServer, 1, -1, Block::none, Inherit::none, nullptr,
     "address:port [ssl] [proxy_protocol] [bind] [parameter=value ...]",
     "Address and port, or socket path, where the mail server accepts connections."},
    {"protocol", kMailServer, 1, 1, Block::none, Inherit::none, nullptr, "imap | pop3 | smtp",
     "Mail protocol of this server; by default it follows from the port."},
    {"timeout", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "time",
     "Longest silence of a client before proxying starts."},
    {"server_name", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "name",
     "Name in greetings and SMTP commands, and in challenges of CRAM-MD5."},
    {"error_log", kMail | kMailServer, 1, -1, Block::none, Inherit::array, nullptr, "file [level] [json]",
     "Where errors are logged and from which severity on; may stand several times."},
    {"resolver", kMail | kMailServer, 1, -1, Block::none, Inherit::scalar, nullptr,
     "address ... [valid=time] [ipv4=on|off] [ipv6=on|off] [status_zone=zone] | off",
     "Name servers for finding the client's host name, which SMTP servers are told."},
    {"resolver_timeout", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "time",
     "Longest time for resolving a name."},
    {"max_errors", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "number",
     "Protocol errors after which the connection is closed."},
    // ngx_mail_auth_http_module
    {"auth_http", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "URL",
     "URL of the HTTP service that authenticates users and names their server."},
    {"auth_http_timeout", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "time",
     "Longest wait for the authentication service."},
    {"auth_http_header", kMail | kMailServer, 2, 2, Block::none, Inherit::array, nullptr, "header value",
     "Header added to requests to the authentication service."},
    {"auth_http_pass_client_cert", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
     "Whether the client certificate is passed to the authentication service."},
    // ngx_mail_imap_module
    {"imap_client_buffer", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "size",
     "Size of the buffer for IMAP commands."},
    {"imap_capabilities", kMail | kMailServer, 1, -1, Block::none, Inherit::array, nullptr, "extension ...",
     "IMAP extensions that clients are told of."},
    {"imap_auth", kMail | kMailServer, 1, -1, Block::none, Inherit::scalar, nullptr, "method ...",
     "IMAP authentication methods that are offered."},
    // ngx_mail_pop3_module
    {"pop3_capabilities", kMail | kMailServer, 1, -1, Block::none, Inherit::array, nullptr, "extension ...",
     "POP3 extensions that clients are told of."},
    {"pop3_auth", kMail | kMailServer, 1, -1, Block::none, Inherit::scalar, nullptr, "method ...",
     "POP3 authentication methods that are offered."},
    // ngx_mail_proxy_module
    {"proxy", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
     "Whether mail connections are proxied."},
    {"proxy_buffer", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "size",
     "Size of the buffer for proxying."},
    {"proxy_timeout", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "timeout",
     "Longest silence in a proxied mail session before it is closed."},
    {"proxy_pass_error_message", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
     "Whether the server's message about failed authentication reaches the client."},
    {"xclient", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
     "Whether the client's address and login are told to SMTP servers by XCLIENT."},
    {"proxy_smtp_auth", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
     "Whether users are authenticated at the SMTP server with AUTH."},
    {"proxy_protocol", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
     "Whether a PROXY protocol header is sent to the mail server, and which version."},
    // ngx_mail_realip_module
    {"set_real_ip_from", kMail | kMailServer, 1, 1, Block::none, Inherit::array, nullptr,
     "address | CIDR | unix:", "Address or network whose PROXY protocol header is trusted."},
    // ngx_mail_smtp_module
    {"smtp_client_buffer", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "size",
     "Size of the buffer for SMTP commands."},
    {"smtp_greeting_delay", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "time",
     "Waits this long before greeting, so that clients that talk first are refused."},
    {"smtp_capabilities", kMail | kMailServer, 1, -1, Block::none, Inherit::array, nullptr, "extension ...",
     "SMTP extensions that clients are told of."},
    {"smtp_auth", kMail | kMailServer, 1, -1, Block::none, Inherit::scalar, nullptr, "method ...",
     "SMTP authentication methods that are offered."},
    // ngx_mail_ssl_module
    {"starttls", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off | only",
     "Whether STLS and STARTTLS are offered, or demanded before login."},
    {"ssl_certificate", kMail | kMailServer, 1, 1, Block::none, Inherit::array, nullptr, "file",
     "Certificate in PEM, followed by its intermediate ones; may be repeated for RSA and ECDSA."},
    {"ssl_certificate_key", kMail | kMailServer, 1, 1, Block::none, Inherit::array, nullptr, "file",
     "Secret key of the certificate, in PEM."},
    {"ssl_password_file", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "file",
     "File with passphrases for secret keys, tried in turn."},
    {"ssl_certificate_compression", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
     "Whether server certificates are sent compressed to clients that offer it."},
    {"ssl_dhparam", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "file",
     "File with parameters for DHE ciphers."},
    {"ssl_ecdh_curve", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "curve",
     "Curves or groups for the key exchange, in order of preference."},
    {"ssl_protocols", kMail | kMailServer, 1, -1, Block::none, Inherit::scalar, nullptr,
     "[SSLv2] [SSLv3] [TLSv1] [TLSv1.1] [TLSv1.2] [TLSv1.3]", "Versions of TLS that are accepted."},
    {"ssl_ciphers", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "ciphers",
     "Ciphers up to TLSv1.2, as OpenSSL writes them."},
    {"ssl_prefer_server_ciphers", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
     "Whether the server's order of ciphers counts, not the client's."},
    {"ssl_session_cache", kMail | kMailServer, 1, 2, Block::none, Inherit::scalar, nullptr,
     "off | none | [builtin[:size]] [shared:name:size]",
     "Where TLS sessions are kept for resumption: off, none, built in or shared by workers."},
    {"ssl_session_tickets", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
     "Whether sessions are resumed by tickets."},
    {"ssl_session_ticket_key", kMail | kMailServer, 1, 1, Block::none, Inherit::array, nullptr, "file",
     "File with the key for session tickets; the first one encrypts, all decrypt."},
    {"ssl_session_timeout", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "time",
     "How long a TLS session can be resumed."},
    {"ssl_verify_client", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr,
     "on | off | optional | optional_no_ca",
     "Whether clients are asked for a certificate and whether they must have a valid one."},
    {"ssl_verify_depth", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "number",
     "Longest chain of a client certificate."},
    {"ssl_client_certificate", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "file",
     "CA certificates for verifying clients; their names are sent to the client."},
    {"ssl_trusted_certificate", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "file",
     "CA certificates for verifying clients and OCSP answers; not sent to the client."},
    {"ssl_crl", kMail | kMailServer, 1, 1, Block::none, Inherit::scalar, nullptr, "file",
     "Revocation list in PEM for checking client certificates."},
    {"ssl_conf_command", kMail | kMailServer, 2, 2, Block::none, Inherit::array, nullptr, "name value",
     "Passes a configuration command to OpenSSL."},
};

}  // namespace

const config::Table kPlannedMail = kRows;

}  // namespace weir::nginx
