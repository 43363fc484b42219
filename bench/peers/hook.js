// The check of nginx-njs.conf.
import crypto from 'crypto';

function check(r) {
    if (r.method !== 'POST') {
        r.return(405);
        return;
    }
    const sum = crypto.createHmac('sha256', r.variables.hook_secret);
    const want = 'sha256=' + sum.update(r.requestBuffer).digest('hex');
    if (want !== r.headersIn['X-Hub-Signature-256']) {
        r.return(401);
        return;
    }
    r.internalRedirect('@tool');
}

export default { check };
