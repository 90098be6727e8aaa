//! Plain causal language modeling.

use tch::{Kind, Tensor};

use super::Network;

impl Network {
    /// The mean surprise of each token given those before it, in nats, over windows of text,
    /// `[b, t + 1]`; the first token of a window is only read.
    pub fn next_token_loss(&self, windows: &Tensor) -> Tensor {
        let (b, t) = (windows.size()[0], windows.size()[1] - 1);
        let range = |end: i64| Tensor::arange(end, (Kind::Int64, self.device()));
        let parts = self.parts();
        let tokens = windows.narrow(1, 0, t);
        let hidden = self.hidden(&parts, &tokens, &range(t).repeat([b]), None, &range(b * t));
        let (bins, special) = self.table(&parts, 3);
        let logits = self.project(&hidden, &Tensor::cat(&[bins, special], 0)).to_kind(Kind::Float);
        logits.cross_entropy_for_logits(&windows.narrow(1, 1, t).reshape([b * t]))
    }
}
