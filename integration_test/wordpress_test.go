package integration_test

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// wordPress is Debian's WordPress, with a database and a php-fpm of its own. It
// goes by whatever host it is asked under, asks nobody outside and sends no mail.
type wordPress struct {
	root   string // its files
	socket string // of its php-fpm
}

// wordPressPassword is that of both accounts, admin and editor.
const wordPressPassword = "not a secret 8"

// wordPressFilm is the post in which a film of YouTube's is embedded, and
// wordPressFrame the address of its frame.
const (
	wordPressFilm  = "/film/"
	wordPressFrame = "https://www.youtube.com/embed/aqz-KE-bpKQ?feature=oembed"
)

// theWordPress starts WordPress, once for all tests.
func theWordPress(t *testing.T) *wordPress {
	t.Helper()
	w, err := startedWordPress()
	if err != nil {
		t.Fatalf("starting WordPress: %v", err)
	}
	return w
}

// body is what the block of a site says that is WordPress, after cookie_consent
// where that is to stand before it.
func (w *wordPress) body() string {
	return fmt.Sprintf("root %s\nphp_fastcgi unix/%s\nfile_server\n", w.root, w.socket)
}

var startedWordPress = sync.OnceValues(func() (*wordPress, error) {
	dir, err := sharedDir()
	if err != nil {
		return nil, err
	}
	database, err := startMariaDB(dir)
	if err != nil {
		return nil, err
	}
	w := &wordPress{root: filepath.Join(dir, "site")}
	if err := w.unpack(database); err != nil {
		return nil, err
	}
	if err := w.install(); err != nil {
		return nil, err
	}
	socket, stop, err := runPHP(dir, 4, "php_admin_value[sendmail_path] = "+noMail, "php_admin_value[error_log] = "+dir+"/php-errors.log")
	if err != nil {
		return nil, err
	}
	whenDone(stop)
	w.socket = socket
	return w, nil
})

// noMail is where PHP's mail goes.
const noMail = "/bin/true"

// database is an empty one, and who may use it.
type database struct{ socket, name, user, password string }

// startMariaDB starts MariaDB with its files in dir, for whoever may read dir.
func startMariaDB(dir string) (database, error) {
	d := database{filepath.Join(dir, "mariadb"), "wordpress", "wordpress", rand.Text()}
	data, first := filepath.Join(dir, "data"), filepath.Join(dir, "first.sql")
	options := []string{"--no-defaults", "--datadir=" + data, "--innodb-log-file-size=8M"}
	if os.Getuid() == 0 {
		options = append(options, "--user=root")
	}
	install := exec.Command("mariadb-install-db", append(options, "--auth-root-authentication-method=normal", "--skip-test-db")...)
	if out, err := install.CombinedOutput(); err != nil {
		return d, fmt.Errorf("mariadb-install-db: %w\n%s", err, out)
	}
	statements := fmt.Sprintf("CREATE DATABASE %s CHARACTER SET utf8mb4;\nCREATE USER %s@localhost IDENTIFIED BY '%s';\nGRANT ALL ON %[1]s.* TO %[2]s@localhost;\n", d.name, d.user, d.password)
	if err := os.WriteFile(first, []byte(statements), 0o600); err != nil {
		return d, err
	}
	stop, err := runAt(d.socket, "/usr/sbin/mariadbd", append(options, "--socket="+d.socket, "--skip-networking", "--init-file="+first,
		"--pid-file="+dir+"/mariadb.pid", "--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=0")...)
	if err == nil {
		whenDone(stop)
	}
	return d, err
}

// unpack copies WordPress, what it links to included, and configures the copy.
func (w *wordPress) unpack(d database) error {
	if out, err := exec.Command("cp", "-rL", "/usr/share/wordpress", w.root).CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	plugins := filepath.Join(w.root, "wp-content", "mu-plugins")
	if err := os.Mkdir(plugins, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(plugins, "fixture.php"), []byte(wordPressPlugin), 0o600); err != nil {
		return err
	}
	var keys strings.Builder
	for _, use := range []string{"AUTH", "SECURE_AUTH", "LOGGED_IN", "NONCE"} {
		fmt.Fprintf(&keys, "define('%s_KEY', '%s'); define('%[1]s_SALT', '%s');\n", use, rand.Text(), rand.Text())
	}
	config := fmt.Sprintf(wordPressConfig, d.name, d.user, d.password, d.socket, &keys)
	return os.WriteFile(filepath.Join(w.root, "wp-config.php"), []byte(config), 0o600)
}

const wordPressConfig = `<?php
define('DB_NAME', '%s'); define('DB_USER', '%s'); define('DB_PASSWORD', '%s');
define('DB_HOST', 'localhost:%s'); define('DB_CHARSET', 'utf8mb4'); define('DB_COLLATE', '');
%s
define('WP_HOME', (empty($_SERVER['HTTPS']) ? 'http://' : 'https://') . $_SERVER['HTTP_HOST']);
define('WP_SITEURL', WP_HOME);
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('DISABLE_WP_CRON', true);
define('AUTOMATIC_UPDATER_DISABLED', true);
define('WP_AUTO_UPDATE_CORE', false);
define('WP_DEFAULT_THEME', 'twentytwentythree');
$table_prefix = 'wp_';
if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');
require ABSPATH . 'wp-settings.php';
`

// wordPressPlugin lets guests comment as fast as they can, and answers in place of
// YouTube when WordPress asks it for the markup of a film.
const wordPressPlugin = `<?php
add_filter('wp_is_comment_flood', '__return_false', 99);
add_filter('pre_http_request', function ($answer, $request, $url) {
	return str_starts_with($url, 'https://www.youtube.com/oembed?') ? ['response' => ['code' => 200, 'message' => 'OK'], 'headers' => [], 'cookies' => [], 'body' => json_encode([
		'version' => '1.0', 'type' => 'video', 'provider_name' => 'YouTube', 'title' => 'A film', 'width' => 500, 'height' => 281,
		'html' => '<iframe title="A film" width="500" height="281" src="` + wordPressFrame + `" frameborder="0" allow="autoplay; encrypted-media; picture-in-picture" allowfullscreen></iframe>',
	])] : $answer;
}, 10, 3);
`

// install fills the database, as WordPress's own form does, and adds an editor
// and a post.
func (w *wordPress) install() error {
	php := exec.Command("php", "-d", "sendmail_path="+noMail, "-d", "display_errors=stderr")
	php.Dir, php.Stdin = w.root, strings.NewReader(wordPressInstall)
	php.Env = append(os.Environ(), "WORDPRESS_PASSWORD="+wordPressPassword)
	out, err := php.CombinedOutput()
	if err == nil && string(out) != "installed" {
		err = fmt.Errorf("it printed something")
	}
	if err != nil {
		return fmt.Errorf("installing WordPress: %w\n%s", err, out)
	}
	return nil
}

const wordPressInstall = `<?php
$_SERVER += ['HTTP_HOST' => 'localhost', 'REQUEST_URI' => '/', 'SERVER_PROTOCOL' => 'HTTP/1.1', 'REQUEST_METHOD' => 'GET', 'REMOTE_ADDR' => '127.0.0.1'];
$_SERVER['PHP_SELF'] = '/wp-admin/install.php';
define('WP_INSTALLING', true);
require 'wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';
$password = getenv('WORDPRESS_PASSWORD');
$admin = wp_install('Carnet du département', 'admin', 'admin@example.org', true, '', $password)['user_id'];
$editor = wp_insert_user(['user_login' => 'editor', 'user_pass' => $password, 'user_email' => 'editor@example.org', 'role' => 'editor']);
foreach ([$admin, $editor] as $user) {
	update_user_meta($user, 'wp_persisted_preferences', ['core/edit-post' => ['welcomeGuide' => false], '_modified' => gmdate('c')]);
}
update_option('comment_previously_approved', 0);
$wp_rewrite->init();
$wp_rewrite->set_permalink_structure('/%postname%/');
flush_rewrite_rules();
wp_set_current_user($admin);
$post = wp_insert_post(['post_title' => 'Film', 'post_name' => 'film', 'post_status' => 'publish', 'comment_status' => 'open', 'post_content' =>
	"<!-- wp:paragraph -->\n<p>A film about the territory.</p>\n<!-- /wp:paragraph -->\n\n" .
	"<!-- wp:embed {\"url\":\"https://www.youtube.com/watch?v=aqz-KE-bpKQ\",\"type\":\"video\",\"providerNameSlug\":\"youtube\",\"responsive\":true} -->\n" .
	"<figure class=\"wp-block-embed is-type-video is-provider-youtube wp-block-embed-youtube\"><div class=\"wp-block-embed__wrapper\">\nhttps://www.youtube.com/watch?v=aqz-KE-bpKQ\n</div></figure>\n<!-- /wp:embed -->"], true);
foreach ([$editor, $post] as $made) {
	if (is_wp_error($made)) { echo $made->get_error_message(); exit(1); }
}
echo 'installed';
`
