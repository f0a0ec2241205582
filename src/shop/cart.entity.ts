import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

export type CartState = 'open' | 'expired' | 'ordered';

@Entity({ name: 'cart' })
@Index('cart_expiry', ['expiresAt'], { where: `state = 'open'` })
export class CartEntity {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ name: 'customer_id', type: 'int' })
  customerId!: number;

  @Column({ name: 'product_id', type: 'int' })
  productId!: number;

  @Column({ type: 'text' })
  state!: CartState;

  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt!: Date;
}
